//! One viewer's connection: the engine's `Conn` decides, this reads, writes and waits.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base::{Kind, supervisor::State};
use bytes::{BufMut, BytesMut};
use engine::{
    Frame,
    queue::Popped,
    rtcp,
    rtsp::{Conn, Credentials, Event, Limits, Status, Ticket, Transport},
    sdp,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{Context, Pass, Verdict, Viewer, udp::Listed, viewers::Entered};
use crate::{
    demand::Purpose,
    hub::{Tap, TapKind},
    lease::Lease,
    path::{Path, PathName},
    readers::Counted,
};

/// A viewer who takes nothing for this long is gone (the same as in MediaMTX).
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Distance of sender reports (RFC 3550 section 6.2 recommends at least 5 s).
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// Pause between cached pictures sent at once over UDP, so that no buffer on the way overflows.
const UDP_PACE: Duration = Duration::from_millis(1);
/// How often the end of a viewer's time is looked for when the wall clock may have been set meanwhile.
const LOOK_AGAIN: Duration = Duration::from_mins(1);
/// Our name in sender reports (RFC 3550 section 6.5.1).
const CNAME: &str = "camera-service";

/// Serves one connection to its end; returns why it ended.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    id: String,
    context: &Context,
) -> &'static str {
    let conn = Conn::new(id, Instant::now(), Limits::default());
    let mut session = Session {
        stream,
        peer,
        context,
        conn,
        lease: None,
        transport: None,
        listed: None,
        admitted: None,
        play: None,
        input: BytesMut::with_capacity(2048),
    };
    match session.run().await {
        Ok(never) => match never {},
        Err(Ended(reason)) => reason,
    }
}

struct Ended(&'static str);
enum Never {}
type Step<T = ()> = Result<T, Ended>;

struct Session<'a> {
    stream: TcpStream,
    peer: SocketAddr,
    context: &'a Context,
    conn: Conn,
    lease: Option<Lease>,
    transport: Option<Transport>,
    listed: Option<Listed>,
    admitted: Option<Admitted>,
    play: Option<Play>,
    input: BytesMut,
}

/// What this connection was let in for; another path is asked for anew.
struct Admitted {
    path: PathName,
    ends_at: Option<SystemTime>,
    /// Only of those let in by name.
    entered: Option<Entered>,
}

/// A viewer that plays.
struct Play {
    tap: Tap,
    phase: tokio::sync::watch::Receiver<crate::owner::Phase>,
    next_report: tokio::time::Instant,
    packets: u32,
    octets: u32,
    newest: Option<Arc<Frame>>,
    _counted: Counted,
}

enum Wake {
    Input(std::io::Result<usize>),
    Media(Option<Popped>),
    Deadline,
    Report,
    SourceGone,
    NoLonger(&'static str),
}

impl Session<'_> {
    async fn run(&mut self) -> Step<Never> {
        loop {
            loop {
                let event = self.conn.poll().map_err(|_| Ended("protocol violation"));
                // Even a violation has its answer waiting (400 and the like).
                self.flush().await?;
                match event? {
                    Some(event) => self.event(event).await?,
                    None => break,
                }
            }
            self.flush().await?;
            match self.wake().await {
                Wake::Input(Ok(0)) => return Err(Ended("closed by the viewer")),
                Wake::Input(Err(_)) => return Err(Ended("connection lost")),
                Wake::Input(Ok(_)) => {
                    let bytes = self.input.split();
                    self.conn.receive(Instant::now(), &bytes);
                }
                Wake::Media(Some(Popped::Frame(frame))) => self.send(&frame).await?,
                Wake::Media(Some(Popped::Gap(frames))) => {
                    tracing::debug!(peer = %self.peer, frames, "slow viewer moved to the next key frame");
                }
                Wake::Media(None) => return Err(Ended("stream closed")),
                Wake::SourceGone => {
                    self.goodbye().await;
                    return Err(Ended("the source was given up"));
                }
                Wake::NoLonger(reason) => {
                    self.goodbye().await;
                    return Err(Ended(reason));
                }
                Wake::Report => self.report().await?,
                Wake::Deadline => {
                    if self.listed.as_ref().is_some_and(Listed::take_alive) {
                        self.conn.alive(Instant::now());
                    }
                    if self.conn.handle_timeout(Instant::now()) {
                        return Err(Ended("session timed out"));
                    }
                }
            }
        }
    }

    async fn wake(&mut self) -> Wake {
        let deadline = self.conn.deadline().map(|(at, _)| at);
        let overdue = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        let playing = async {
            let Some(play) = &mut self.play else { return std::future::pending().await };
            let gone = async {
                // `wait_for` hands out a guard that must not live across an await.
                play.phase.wait_for(|phase| phase.state == State::Failed).await.is_ok()
            };
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(play.next_report) => Wake::Report,
                popped = play.tap.next() => Wake::Media(popped),
                _ = gone => Wake::SourceGone,
            }
        };
        let admitted = async {
            let Some(admitted) = &self.admitted else { return std::future::pending().await };
            let revoked = async {
                match &admitted.entered {
                    Some(entered) => entered.ended().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = revoked => Wake::NoLonger("what let the viewer in was revoked"),
                () = reached(admitted.ends_at) => Wake::NoLonger("what let the viewer in has expired"),
            }
        };
        self.input.reserve(1024);
        tokio::select! {
            biased;
            wake = admitted => wake,
            read = self.stream.read_buf(&mut self.input) => Wake::Input(read),
            wake = playing => wake,
            () = overdue => Wake::Deadline,
        }
    }

    async fn flush(&mut self) -> Step {
        let output = self.conn.take_output();
        if output.is_empty() {
            return Ok(());
        }
        self.write(&output).await?;
        // A slow answer (a camera that had to start) is our time, not the viewer's.
        self.conn.alive(Instant::now());
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Step {
        match timeout(WRITE_TIMEOUT, self.stream.write_all(bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Ended("connection lost")),
            Err(_) => Err(Ended("viewer takes nothing")),
        }
    }

    async fn event(&mut self, event: Event) -> Step {
        match event {
            Event::Describe { path, credentials, ticket } => {
                if let Some((path, ticket)) = self.acquire(&path, &credentials, ticket).await {
                    let Some(params) = path.hub.params() else {
                        self.conn.refuse(ticket, Status::Unavailable);
                        return Ok(());
                    };
                    let origin = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
                    // The base is the address as the viewer wrote it: only that one surely leads here.
                    self.conn.accept_describe(ticket, &sdp::describe(&params, origin), "");
                }
            }
            Event::Setup { path, credentials, transport, ticket } => {
                if let Some((path, ticket)) = self.acquire(&path, &credentials, ticket).await {
                    self.setup(&path, transport, ticket);
                }
            }
            Event::Play { ticket } => self.play(ticket).await?,
            Event::Pause => self.play = None,
            Event::Teardown => {
                self.play = None;
                self.transport = None;
                self.listed = None;
                self.lease = None;
                // A ticket is good for one beginning.
                self.admitted = None;
            }
            Event::Rtcp(packet) => {
                if rtcp::is_receiver_report(&packet) {
                    self.conn.alive(Instant::now());
                }
            }
        }
        Ok(())
    }

    /// May this viewer watch that path? It is asked once for each path, not again for each request: the
    /// address of a track does not hold what the address of its stream held.
    fn admit(&mut self, path: &PathName, credentials: &Credentials) -> Result<(), Status> {
        if self.admitted.as_ref().is_some_and(|admitted| admitted.path == *path) {
            return Ok(());
        }
        let ask = || match (self.context.authorize)(&Viewer {
            path,
            address: self.peer.ip().to_canonical(),
            credentials,
        }) {
            Verdict::Pass(pass) => Ok(pass),
            Verdict::Unauthorized => Err(Status::Unauthorized),
            Verdict::NotFound => Err(Status::NotFound),
        };
        self.admitted = loop {
            let round = self.context.viewers.round();
            let Pass { principal, ends_at } = ask()?;
            let Some(principal) = principal else {
                break Some(Admitted { path: path.clone(), ends_at, entered: None });
            };
            // Asked again if anybody was turned away meanwhile, which is seldom.
            if let Some(entered) = self.context.viewers.enter(principal, round) {
                break Some(Admitted { path: path.clone(), ends_at, entered: Some(entered) });
            }
        };
        Ok(())
    }

    /// Makes sure frames of that path may be watched and flow; otherwise refuses the request.
    async fn acquire(
        &mut self,
        name: &str,
        credentials: &Credentials,
        ticket: Ticket,
    ) -> Option<(Arc<Path>, Ticket)> {
        // No path has a name that is none; of all others, who is not let in learns nothing.
        let admitted =
            PathName::new(name).ok_or(Status::NotFound).and_then(|name| self.admit(&name, credentials));
        if let Err(status) = admitted {
            self.conn.refuse(ticket, status);
            return None;
        }
        if let Some(lease) = self.lease.as_ref().filter(|lease| lease.path().name.as_str() == name) {
            return Some((lease.path().clone(), ticket));
        }
        let found = PathName::new(name).and_then(|name| (self.context.find)(&name));
        let Some(path) = found else {
            self.conn.refuse(ticket, Status::NotFound);
            return None;
        };
        match Lease::take(path.clone(), Purpose::Viewing).await {
            Ok(lease) => {
                self.lease = Some(lease);
                Some((path, ticket))
            }
            Err(error) => {
                tracing::debug!(path = name, %error, "viewer refused");
                let status =
                    if error.kind == Kind::Timeout { Status::GatewayTimeout } else { Status::Unavailable };
                self.conn.refuse(ticket, status);
                None
            }
        }
    }

    fn setup(&mut self, path: &Path, transport: Transport, ticket: Ticket) {
        let ssrc = path.hub.ssrc();
        match (transport, &self.context.udp) {
            (Transport::Tcp { .. }, _) => {
                self.listed = None;
                self.conn.accept_setup(ticket, None, ssrc);
            }
            (Transport::Udp { rtcp, .. }, Some(udp)) => {
                self.listed = Some(udp.enlist(SocketAddr::new(self.peer.ip(), rtcp)));
                self.conn.accept_setup(ticket, Some(udp.ports()), ssrc);
            }
            (Transport::Udp { .. }, None) => {
                self.conn.refuse(ticket, Status::UnsupportedTransport);
                return;
            }
        }
        self.transport = Some(transport);
    }

    async fn play(&mut self, ticket: Ticket) -> Step {
        let Some(lease) = &self.lease else {
            self.conn.refuse(ticket, Status::NotValidInThisState);
            return Ok(());
        };
        let path = lease.path().clone();
        let Some(counted) = Counted::enter(&path.readers) else {
            self.conn.refuse(ticket, Status::NotEnoughBandwidth);
            return Ok(());
        };
        let mut tap = lease.tap(TapKind::Live);
        let first = match tap.try_next() {
            Some(Popped::Frame(frame)) => Some(frame),
            _ => None,
        };
        match &first {
            Some(frame) => self.conn.accept_play(ticket, frame.rtp.first_seq(), frame.rtp.timestamp(), ""),
            None => self.conn.accept_play_later(ticket),
        }
        self.flush().await?;
        self.play = Some(Play {
            tap,
            phase: path.phase(),
            next_report: tokio::time::Instant::now(),
            packets: 0,
            octets: 0,
            newest: None,
            _counted: counted,
        });
        tracing::debug!(peer = %self.peer, path = %path.name, "viewer plays");
        match first {
            Some(frame) => self.send(&frame).await,
            None => Ok(()),
        }
    }

    async fn send(&mut self, frame: &Arc<Frame>) -> Step {
        let (Some(transport), Some(play)) = (self.transport, &mut self.play) else { return Ok(()) };
        play.packets = play.packets.wrapping_add(frame.rtp.packet_count());
        play.octets = play.octets.wrapping_add(frame.rtp.payload_bytes());
        play.newest = Some(frame.clone());
        play.tap.hub().count_sent(u64::from(frame.rtp.payload_bytes()));
        match transport {
            Transport::Tcp { rtp, .. } => {
                let bytes = frame.rtp.interleaved_on(rtp);
                self.write(&bytes).await?;
                self.conn.alive(Instant::now());
            }
            Transport::Udp { rtp, .. } => {
                let Some(udp) = &self.context.udp else { return Ok(()) };
                let to = SocketAddr::new(self.peer.ip(), rtp);
                for packet in frame.rtp.packets() {
                    udp.send_rtp(&packet, to).await;
                }
                // Older than a few frames: it comes from the cache, and more will follow at once.
                if frame.unit.arrived.elapsed() > Duration::from_millis(100) {
                    tokio::time::sleep(UDP_PACE).await;
                }
            }
        }
        Ok(())
    }

    async fn report(&mut self) -> Step {
        let Some(play) = &mut self.play else { return Ok(()) };
        play.next_report = tokio::time::Instant::now() + REPORT_INTERVAL;
        // The newest picture's own times tie the two clocks together (RFC 3550 section 6.4.1).
        let Some(newest) = play.newest.clone() else { return Ok(()) };
        let ssrc = play.tap.hub().ssrc();
        let (packets, octets) = (play.packets, play.octets);
        let report =
            rtcp::sender_report(ssrc, newest.unit.captured, newest.rtp.timestamp(), packets, octets, CNAME);
        self.send_rtcp(&report).await
    }

    async fn goodbye(&mut self) {
        if let Some(play) = &self.play {
            let bye = rtcp::bye(play.tap.hub().ssrc());
            // It is leaving anyway: what cannot be said is not missed.
            let _ = self.send_rtcp(&bye).await;
        }
    }

    async fn send_rtcp(&mut self, packet: &[u8]) -> Step {
        match self.transport {
            Some(Transport::Tcp { rtcp, .. }) => {
                let mut framed = BytesMut::with_capacity(packet.len() + 4);
                framed.put_u8(b'$');
                framed.put_u8(rtcp);
                framed.put_u16(packet.len() as u16);
                framed.put_slice(packet);
                self.write(&framed).await
            }
            Some(Transport::Udp { rtcp, .. }) => {
                if let Some(udp) = &self.context.udp {
                    udp.send_rtcp(packet, SocketAddr::new(self.peer.ip(), rtcp)).await;
                }
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Until the wall clock has reached `at`. It may be set meanwhile, so it is looked at now and then.
async fn reached(at: Option<SystemTime>) {
    let Some(at) = at else { return std::future::pending().await };
    while let Ok(left) = at.duration_since(SystemTime::now()) {
        tokio::time::sleep(left.clamp(Duration::from_millis(1), LOOK_AGAIN)).await;
    }
}
