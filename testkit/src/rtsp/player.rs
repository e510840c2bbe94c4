//! A viewer that plays: DESCRIBE, SETUP, PLAY, then picture after picture.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use bytes::{Buf, Bytes};
use tokio::{net::UdpSocket, time::timeout};

use super::{Connection, Depacketizer, Frame, Item};

/// Longest wait for the next picture.
const FRAME_LIMIT: Duration = Duration::from_secs(20);
/// Distance of signs of life; servers forget a viewer after 60 s without (RFC 2326 section 12.37).
const ALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// Attempts to find two free ports in a row.
const PAIR_ATTEMPTS: usize = 32;
/// The largest UDP packet.
const DATAGRAM_BYTES: usize = 65_536;

/// How packets travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Interleaved on the connection.
    Tcp,
    /// To a pair of ports.
    Udp,
}

/// Why nothing plays.
#[derive(Debug)]
pub enum RtspError {
    /// This request was answered with this status.
    Refused {
        /// Such as `DESCRIBE`.
        method: &'static str,
        /// Such as 404.
        status: u16,
    },
    /// The connection failed.
    Io(io::Error),
    /// The server has closed.
    Closed,
    /// No picture came in time.
    Late,
}

impl fmt::Display for RtspError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { method, status } => write!(f, "{method} was answered with {status}"),
            Self::Io(error) => write!(f, "{error}"),
            Self::Closed => f.write_str("the server has closed"),
            Self::Late => f.write_str("no picture came in time"),
        }
    }
}

impl std::error::Error for RtspError {}

impl From<io::Error> for RtspError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A sender report (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The source's number.
    pub ssrc: u32,
    /// Seconds since 1900 and their fraction, as 32.32 bits.
    pub ntp: u64,
    /// The same moment on the stream's clock.
    pub timestamp: u32,
    /// Packets sent so far.
    pub packets: u32,
}

/// One viewer.
#[derive(Debug)]
pub struct Player {
    connection: Connection,
    sockets: Option<(UdpSocket, UdpSocket)>,
    url: String,
    began: Instant,
    first_key: Option<Duration>,
    frames: u64,
    depacketizer: Depacketizer,
    reports: Vec<Report>,
    next_alive: Instant,
    description: String,
}

impl Player {
    /// Connects to `rtsp://ADDRESS/PATH` and plays.
    pub async fn open(address: SocketAddr, path: &str, transport: Transport) -> Result<Self, RtspError> {
        let began = Instant::now();
        let connection = Connection::open(address).await?;
        Self::on(connection, began, address, path, transport).await
    }

    /// The same on a connection with next to no room for unread bytes, to play one that does not read.
    pub async fn open_narrow(address: SocketAddr, path: &str) -> Result<Self, RtspError> {
        let began = Instant::now();
        let connection = Connection::open_narrow(address).await?;
        Self::on(connection, began, address, path, Transport::Tcp).await
    }

    async fn on(
        mut connection: Connection,
        began: Instant,
        address: SocketAddr,
        path: &str,
        transport: Transport,
    ) -> Result<Self, RtspError> {
        let url = format!("rtsp://{address}/{path}");
        let answer = good("DESCRIBE", connection.request("DESCRIBE", &url, &[]).await?)?;
        let track = control(&url, answer.header("content-base"), &answer.body);
        let description = answer.body;
        let (sockets, wish) = match transport {
            Transport::Tcp => (None, "RTP/AVP/TCP;unicast;interleaved=0-1".to_owned()),
            Transport::Udp => {
                let (rtp, rtcp) = bind_pair(address.ip()).await?;
                let port = rtp.local_addr()?.port();
                (Some((rtp, rtcp)), format!("RTP/AVP;unicast;client_port={port}-{}", port + 1))
            }
        };
        good("SETUP", connection.request("SETUP", &track, &[("Transport", &wish)]).await?)?;
        // What comes before the answer to PLAY is its answer: nothing may be dropped from here on.
        good("PLAY", connection.request("PLAY", &url, &[("Range", "npt=now-")]).await?)?;
        let mut depacketizer = Depacketizer::default();
        if description.contains("sprop-parameter-sets=") {
            depacketizer.know_parameters();
        }
        Ok(Self {
            connection,
            sockets,
            url,
            began,
            first_key: None,
            frames: 0,
            depacketizer,
            reports: Vec::new(),
            next_alive: Instant::now() + ALIVE_INTERVAL,
            description,
        })
    }

    /// The next picture.
    pub async fn frame(&mut self) -> Result<Frame, RtspError> {
        timeout(FRAME_LIMIT, self.next()).await.unwrap_or(Err(RtspError::Late))
    }

    /// The first picture, which must be a whole key frame, and the time from the first byte of the
    /// connection to its last.
    ///
    /// # Panics
    /// If the first picture is another.
    pub async fn first_key(&mut self) -> Result<(Frame, Duration), RtspError> {
        assert_eq!(self.frames, 0, "the first picture has come already");
        let frame = self.frame().await?;
        assert!(frame.key, "the first picture is no key frame: {:?}", self.depacketizer.problems());
        Ok((frame, self.first_key.expect("the first key frame has set it")))
    }

    /// The next `count` pictures.
    pub async fn frames(&mut self, count: usize) -> Result<Vec<Frame>, RtspError> {
        let mut frames = Vec::with_capacity(count);
        while frames.len() < count {
            frames.push(self.frame().await?);
        }
        Ok(frames)
    }

    /// Says goodbye and waits for the answer.
    pub async fn teardown(mut self) -> Result<(), RtspError> {
        good("TEARDOWN", self.connection.request("TEARDOWN", &self.url, &[]).await?)?;
        Ok(())
    }

    /// Pictures so far.
    pub fn count(&self) -> u64 {
        self.frames
    }

    /// Packets missing between those that came.
    pub fn lost_packets(&self) -> u64 {
        self.depacketizer.lost_packets()
    }

    /// Offences against RTP and its packing of H.264.
    pub fn problems(&self) -> &[String] {
        self.depacketizer.problems()
    }

    /// The stream's description (SDP).
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Sender reports so far, the last hundred at most.
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// The source's number in RTP.
    pub fn ssrc(&self) -> Option<u32> {
        self.depacketizer.ssrc()
    }

    async fn next(&mut self) -> Result<Frame, RtspError> {
        loop {
            if Instant::now() >= self.next_alive {
                self.next_alive = Instant::now() + ALIVE_INTERVAL;
                // Its answer is dropped when it comes.
                self.connection.start("GET_PARAMETER", &self.url, &[]).await?;
            }
            let (rtp, packet) = self.packet().await?;
            if rtp {
                if let Some(frame) = self.depacketizer.push(&packet, Instant::now()) {
                    self.frames += 1;
                    if frame.key && self.first_key.is_none() {
                        self.first_key = Some(frame.arrived.duration_since(self.began));
                    }
                    return Ok(frame);
                }
            } else if let Some(report) = sender_report(packet) {
                self.reports.push(report);
                self.reports.drain(..self.reports.len().saturating_sub(100));
            }
        }
    }

    /// The next packet; `true`: RTP.
    async fn packet(&mut self) -> Result<(bool, Bytes), RtspError> {
        loop {
            let item = match &self.sockets {
                None => self.connection.item().await?,
                Some((rtp, rtcp)) => {
                    let (mut media, mut control) = (Vec::new(), Vec::new());
                    media.reserve(DATAGRAM_BYTES);
                    control.reserve(DATAGRAM_BYTES);
                    tokio::select! {
                        received = rtp.recv_buf(&mut media) => {
                            received?;
                            return Ok((true, media.into()));
                        }
                        received = rtcp.recv_buf(&mut control) => {
                            received?;
                            return Ok((false, control.into()));
                        }
                        item = self.connection.item() => item?,
                    }
                }
            };
            match item {
                Item::Packet { channel, data } => return Ok((channel % 2 == 0, data)),
                Item::Response(_) => {}
                Item::Closed => return Err(RtspError::Closed),
            }
        }
    }
}

fn good(method: &'static str, response: super::Response) -> Result<super::Response, RtspError> {
    if response.status == 200 {
        Ok(response)
    } else {
        Err(RtspError::Refused { method, status: response.status })
    }
}

/// The address of the track (RFC 2326 appendix C.1.1).
fn control(url: &str, base: Option<&str>, description: &str) -> String {
    let track = description.split("\r\nm=").nth(1).unwrap_or_default();
    let name = track.lines().find_map(|line| line.strip_prefix("a=control:")).unwrap_or_default();
    if name.contains("://") {
        return name.to_owned();
    }
    format!("{}/{name}", base.unwrap_or(url).trim_end_matches('/'))
}

async fn bind_pair(server: IpAddr) -> io::Result<(UdpSocket, UdpSocket)> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..PAIR_ATTEMPTS {
        // On the server's own address: tests stay on this machine.
        let rtp = UdpSocket::bind((server, 0)).await?;
        let port = rtp.local_addr()?.port();
        if port % 2 == 1 || port == u16::MAX {
            continue;
        }
        match UdpSocket::bind((server, port + 1)).await {
            Ok(rtcp) => return Ok((rtp, rtcp)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn sender_report(mut packet: Bytes) -> Option<Report> {
    let is_report = packet.len() >= 28 && packet[0] >> 6 == 2 && packet[1] == 200;
    is_report.then(|| {
        packet.advance(4);
        Report {
            ssrc: packet.get_u32(),
            ntp: packet.get_u64(),
            timestamp: packet.get_u32(),
            packets: packet.get_u32(),
        }
    })
}
