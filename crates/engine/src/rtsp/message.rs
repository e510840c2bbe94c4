//! RTSP messages by hand (RFC 2326 sections 4 to 7): reading requests, writing responses. Whether a
//! request makes sense is decided in `conn`.

use std::fmt::Write as _;

use bytes::BytesMut;

use super::{Status, Violation};

/// Most bytes of a request line and headers, the empty line included.
pub(super) const MAX_HEAD_BYTES: usize = 8 << 10;
/// Most headers of a request.
const MAX_HEADERS: usize = 64;
/// Longest body; it is skipped, since no request we serve needs one.
const MAX_BODY_BYTES: usize = 16 << 10;
/// Longest method name.
const MAX_METHOD_BYTES: usize = 20;

/// A request without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// Of capital letters and `_`.
    pub(super) method: String,
    /// Not checked.
    pub(super) uri: String,
    /// `RTSP/` and anything.
    pub(super) version: String,
    /// Names as sent, values without blanks around them and without control characters.
    headers: Vec<(String, String)>,
}

/// Can bytes that begin like this become a request?
pub(super) fn plausible(bytes: &[u8]) -> bool {
    let method = bytes.iter().take_while(|b| b.is_ascii_uppercase() || **b == b'_').count();
    match bytes.get(method) {
        Some(next) => *next == b' ' && (1..=MAX_METHOD_BYTES).contains(&method),
        None => method <= MAX_METHOD_BYTES,
    }
}

impl Request {
    /// Reads a head: everything to the empty line. Lines may end with LF alone.
    pub(super) fn parse(head: &[u8]) -> Result<Self, Violation> {
        let mut lines = head.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = lines.next().unwrap_or_default();
        if !plausible(first) {
            return Err(Violation::NotRtsp);
        }
        let first = str::from_utf8(first).map_err(|_| Violation::BadRequest)?;
        let mut words = first.split(' ').filter(|word| !word.is_empty());
        let (Some(method), Some(uri), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Violation::BadRequest);
        };
        if !version.starts_with("RTSP/") {
            return Err(Violation::NotRtsp);
        }
        if first.chars().any(char::is_control) {
            return Err(Violation::BadRequest);
        }
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let line = String::from_utf8_lossy(line);
            if line.chars().any(|c| c.is_control() && c != '\t') {
                return Err(Violation::BadRequest);
            }
            if line.starts_with([' ', '\t']) {
                // A value may go on in the next line (RFC 2326 section 4.2, after HTTP/1.1).
                let (_, value) = headers.last_mut().ok_or(Violation::BadRequest)?;
                let more = clean(&line);
                if !value.is_empty() && !more.is_empty() {
                    value.push(' ');
                }
                value.push_str(&more);
                continue;
            }
            let (name, value) = line.split_once(':').ok_or(Violation::BadRequest)?;
            let name = name.trim_end();
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
                return Err(Violation::BadRequest);
            }
            if headers.len() == MAX_HEADERS {
                return Err(Violation::TooLarge);
            }
            headers.push((name.to_owned(), clean(value)));
        }
        Ok(Self { method: method.to_owned(), uri: uri.to_owned(), version: version.to_owned(), headers })
    }

    /// The first value of a header; names are compared without case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// Bytes of body that follow.
    pub(super) fn body_bytes(&self) -> Result<usize, Violation> {
        let mut lengths = self
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("Content-Length"))
            .map(|(_, value)| value);
        let Some(first) = lengths.next() else { return Ok(0) };
        // Two lengths would let two readers see two different next requests.
        if first.is_empty()
            || !first.bytes().all(|b| b.is_ascii_digit())
            || lengths.any(|other| other != first)
        {
            return Err(Violation::BadRequest);
        }
        match first.parse() {
            Ok(bytes) if bytes <= MAX_BODY_BYTES => Ok(bytes),
            _ => Err(Violation::TooLarge),
        }
    }

    /// The number that pairs it with its response (RFC 2326 section 12.17).
    pub(super) fn cseq(&self) -> Option<u32> {
        let text = self.header("CSeq")?;
        text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
    }

    /// As bytes again; reading them gives the same request.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut text = format!("{} {} {}\r\n", self.method, self.uri, self.version);
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

/// A value without blanks around it and with blanks for tabs.
fn clean(value: &str) -> String {
    value.replace('\t', " ").trim().to_owned()
}

/// A response being written. Whatever a value holds, it stays one header.
#[derive(Debug)]
pub(super) struct Response {
    text: String,
}

impl Response {
    /// The status line and `CSeq`, when there was one.
    pub(super) fn new(status: Status, cseq: Option<u32>) -> Self {
        let (code, reason) = status.line();
        let mut text = format!("RTSP/1.0 {code} {reason}\r\n");
        if let Some(cseq) = cseq {
            let _ = write!(text, "CSeq: {cseq}\r\n");
        }
        Self { text }
    }

    /// Adds a header; control characters are left out of the value.
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        let _ = write!(self.text, "{name}: ");
        self.text.extend(value.chars().filter(|c| !c.is_control()));
        self.text.push_str("\r\n");
        self
    }

    /// Ends it without a body.
    pub(super) fn write(self, out: &mut BytesMut) {
        out.extend_from_slice(self.text.as_bytes());
        out.extend_from_slice(b"\r\n");
    }

    /// Ends it with a body.
    pub(super) fn write_with(self, body: &str, content_type: &str, out: &mut BytesMut) {
        let head =
            self.header("Content-Type", content_type).header("Content-Length", &body.len().to_string());
        head.write(out);
        out.extend_from_slice(body.as_bytes());
    }
}
