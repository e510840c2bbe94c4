//! A network camera made by hand (RTSP over TCP): a good one that wants a password, and bad ones that
//! send what no camera should.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
};

use crate::{
    ffmpeg,
    h264::{self, Picture},
};

/// Pictures a second.
const FPS: u32 = 15;
/// Longest payload of one RTP packet.
const PAYLOAD_BYTES: usize = 1200;
/// Kind of a packet that holds a part of a NAL unit (RFC 6184 section 5.8).
const FU_A: u8 = 0x1c;
/// Most bytes of one request line.
const MAX_LINE_BYTES: u64 = 8 << 10;

/// What it sends.
#[derive(Debug, Clone)]
pub enum Content {
    /// These pictures, again and again.
    Film(Vec<Picture>),
    /// The same, but every parameter set is missing, in the stream and in its description.
    NoParameterSets(Vec<Picture>),
    /// Noise where pictures should be: every kind of packet, whole and cut.
    Junk,
    /// Nothing at all after PLAY.
    Silence,
    /// No RTSP, but HTML, whatever is asked.
    Html,
}

/// Two seconds of moving picture, a key frame each second.
pub async fn film() -> Vec<Picture> {
    let graph = format!("testsrc2=size=320x180:rate={FPS}:duration=2");
    let encode = format!(
        "-f lavfi -i {graph} -c:v libx264 -preset ultrafast -tune zerolatency -profile:v baseline -pix_fmt yuv420p -g {FPS} -f h264 pipe:1"
    );
    let film = h264::pictures(&ffmpeg::ffmpeg(encode.split(' ')).await);
    assert_eq!(film.len(), 2 * FPS as usize, "pictures of two seconds");
    film
}

/// A camera that runs until it is dropped.
#[derive(Debug)]
pub struct Camera {
    address: SocketAddr,
    task: JoinHandle<()>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Camera {
    /// Starts one; with `credentials`, as `user:password`, only for those who know them.
    pub async fn start(content: Content, credentials: Option<&str>) -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"), content, credentials).await
    }

    /// The same at this address, such as that of one that was dropped.
    pub async fn start_at(address: SocketAddr, content: Content, credentials: Option<&str>) -> Self {
        let listener = TcpListener::bind(address).await.expect("the port is free");
        let address = listener.local_addr().expect("it is bound");
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let wanted = credentials.map(|credentials| format!("Basic {}", STANDARD.encode(credentials)));
        let seen = requests.clone();
        let task = tokio::spawn(async move {
            // Connections end with their task, and that with this one's set.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let connection =
                    Session { content: content.clone(), wanted: wanted.clone(), seen: seen.clone() };
                connections.spawn(connection.serve(stream));
            }
        });
        Self { address, task, requests }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address, with these credentials in it.
    pub fn url(&self, credentials: &str) -> String {
        format!("rtsp://{credentials}@{}/live", self.address)
    }

    /// The methods it was asked for, in order, with its status.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Session {
    content: Content,
    wanted: Option<String>,
    seen: Arc<Mutex<Vec<String>>>,
}

struct Request {
    method: String,
    cseq: String,
    authorization: Option<String>,
}

impl Session {
    /// Serves one connection; whatever goes wrong ends it.
    async fn serve(self, stream: TcpStream) {
        let (input, mut output) = stream.into_split();
        let mut input = BufReader::new(input);
        let mut playing = None;
        while let Some(request) = read(&mut input).await {
            let answer = self.answer(&request);
            let status = answer.split(' ').nth(1).unwrap_or_default();
            let note = format!("{} {status}", request.method);
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(note);
            if output.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
            if request.method == "PLAY" && status == "200" {
                playing = Some(output);
                break;
            }
        }
        let Some(mut output) = playing else { return };
        // While it plays, it only listens for the end.
        tokio::select! {
            () = self.play(&mut output) => {}
            () = drain(&mut input) => {}
        }
    }

    fn answer(&self, request: &Request) -> String {
        if matches!(self.content, Content::Html) {
            return "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>".into();
        }
        let head = |status: &str| format!("RTSP/1.0 {status}\r\nCSeq: {}\r\n", request.cseq);
        if self.wanted.is_some() && request.method != "OPTIONS" && request.authorization != self.wanted {
            return head("401 Unauthorized") + "WWW-Authenticate: Basic realm=\"camera\"\r\n\r\n";
        }
        match request.method.as_str() {
            "OPTIONS" => {
                head("200 OK") + "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n\r\n"
            }
            "DESCRIBE" => {
                let body = self.description();
                let length = body.len();
                head("200 OK")
                    + &format!("Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{body}")
            }
            "SETUP" => {
                head("200 OK") + "Session: 12345678\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
            }
            _ => head("200 OK") + "Session: 12345678\r\n\r\n",
        }
    }

    fn description(&self) -> String {
        let sets = match &self.content {
            Content::Film(film) => film.first().map_or_else(String::new, |picture| {
                let sets = picture.iter().filter(|nal| matches!(h264::kind(nal), h264::SPS | h264::PPS));
                let sets: Vec<String> = sets.map(|nal| STANDARD.encode(nal)).collect();
                format!(";sprop-parameter-sets={}", sets.join(","))
            }),
            _ => String::new(),
        };
        format!(
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n\
             m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1{sets}\r\n\
             a=control:track1\r\n"
        )
    }

    async fn play(&self, output: &mut OwnedWriteHalf) {
        let mut sender = Sender::default();
        let mut clock = tokio::time::interval(Duration::from_secs(1) / FPS);
        for number in 0_usize.. {
            clock.tick().await;
            let packets = match &self.content {
                Content::Film(film) => sender.picture(&film[number % film.len()]),
                Content::NoParameterSets(film) => {
                    let picture = film[number % film.len()].iter().filter(|nal| h264::is_slice(nal));
                    sender.picture(&picture.cloned().collect::<Vec<_>>())
                }
                Content::Junk => vec![sender.packet(&junk(number), number % 3 == 0)],
                Content::Silence | Content::Html => Vec::new(),
            };
            for packet in packets {
                if output.write_all(&packet).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn read(input: &mut BufReader<OwnedReadHalf>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        (&mut *input).take(MAX_LINE_BYTES).read_line(&mut line).await.ok().filter(|length| *length > 0)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        lines.push(line.to_owned());
    }
    let value = |name: &str| {
        let found =
            lines.iter().filter_map(|line| line.split_once(':')).find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_owned())
    };
    Some(Request {
        method: lines.first()?.split(' ').next()?.to_owned(),
        cseq: value("CSeq")?,
        authorization: value("Authorization"),
    })
}

async fn drain(input: &mut BufReader<OwnedReadHalf>) {
    let mut bytes = [0; 1024];
    while input.read(&mut bytes).await.is_ok_and(|length| length > 0) {}
}

/// A packet's worth of noise, another for each number; the same in every run.
fn junk(number: usize) -> Vec<u8> {
    let mut state = number as u64 + 1;
    let mut next = move || {
        // Numerical Recipes' generator: any noise will do.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let length = 1 + usize::from(next()) * 4;
    // Every kind of packet has its turn: NAL units, STAP-A, FU-A and those that do not exist.
    let kind = (number % 32) as u8 | 0x60;
    std::iter::once(kind).chain(std::iter::repeat_with(next).take(length)).collect()
}

#[derive(Default)]
struct Sender {
    seq: u16,
    timestamp: u32,
}

impl Sender {
    fn picture(&mut self, nals: &[Bytes]) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        for (number, nal) in nals.iter().enumerate() {
            let last_nal = number + 1 == nals.len();
            if nal.len() <= PAYLOAD_BYTES {
                packets.push(self.packet(nal, last_nal));
                continue;
            }
            let pieces = nal[1..].chunks(PAYLOAD_BYTES);
            let count = pieces.len();
            for (place, piece) in pieces.enumerate() {
                let (start, end) = (place == 0, place + 1 == count);
                let header = h264::kind(nal) | u8::from(start) << 7 | u8::from(end) << 6;
                let payload = [&[nal[0] & 0xe0 | FU_A, header], piece].concat();
                packets.push(self.packet(&payload, last_nal && end));
            }
        }
        packets
    }

    fn packet(&mut self, payload: &[u8], marker: bool) -> Vec<u8> {
        let length = (payload.len() + 12) as u16;
        let mut packet = vec![b'$', 0];
        packet.extend(length.to_be_bytes());
        packet.extend([0x80, 0x60 | u8::from(marker) << 7]);
        packet.extend(self.seq.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend([0, 0, 0, 1]);
        packet.extend(payload);
        self.seq = self.seq.wrapping_add(1);
        if marker {
            self.timestamp = self.timestamp.wrapping_add(90_000 / FPS);
        }
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Player, Transport};

    #[tokio::test]
    async fn a_viewer_sees_the_film_as_it_is() {
        let film = film().await;
        let camera = Camera::start(Content::Film(film.clone()), None).await;
        let mut player = Player::open(camera.address, "live", Transport::Tcp).await.unwrap();
        let frames = player.frames(20).await.unwrap();
        assert_eq!(player.problems(), [""; 0]);
        for (frame, picture) in frames.iter().zip(&film) {
            assert_eq!(frame.nals, *picture);
        }
        assert!(frames[0].key && !frames[1].key && frames[15].key);
        assert_eq!(camera.requests(), ["DESCRIBE 200", "SETUP 200", "PLAY 200"]);
    }

    #[tokio::test]
    async fn a_stranger_is_refused() {
        let camera = Camera::start(Content::Junk, Some("user:secret")).await;
        let refused = Player::open(camera.address, "live", Transport::Tcp).await.unwrap_err();
        assert_eq!(refused.to_string(), "DESCRIBE was answered with 401");
    }

    #[tokio::test]
    async fn noise_is_noticed() {
        let camera = Camera::start(Content::Junk, None).await;
        let mut player = Player::open(camera.address, "live", Transport::Tcp).await.unwrap();
        let noticed = async {
            while player.problems().is_empty() {
                let _ = player.frame().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), noticed).await.unwrap();
    }
}
