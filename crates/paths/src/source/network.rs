//! A network camera, pulled in-process by retina: its H.264 goes on as it is, its password into no
//! argument list, log or answer.

use std::{sync::Arc, time::Duration};

use base::SafeUrl;
use futures_util::StreamExt;
use media::{CLOCK_HZ, h264::Assembler};
use retina::{
    client::{
        Credentials, Described, PlayOptions, Session, SessionGroup, SessionOptions, SetupOptions,
        TcpTransportOptions, Transport,
    },
    codec::{CodecItem, FrameFormat},
};
use tokio::sync::watch;
use url::Url;

use super::{Order, Outcome, STOPPED, ordered};
use crate::hub::Hub;

/// How long a camera is given to take note of our goodbye; one that keeps stale sessions runs out.
const GOODBYE: Duration = Duration::from_secs(2);

/// Runs one session to its end.
pub(super) async fn run(url: &SafeUrl, hub: &Arc<Hub>, mut orders: watch::Receiver<Order>) -> Outcome {
    let sessions = Arc::new(SessionGroup::default());
    let ended = tokio::select! {
        outcome = session(url, hub, sessions.clone()) => outcome,
        () = ordered(&mut orders, Order::Interrupt) => Outcome::failed(STOPPED, ""),
    };
    tokio::select! {
        _ = tokio::time::timeout(GOODBYE, sessions.await_teardown()) => {}
        () = ordered(&mut orders, Order::Kill) => {}
    }
    ended
}

async fn session(url: &SafeUrl, hub: &Arc<Hub>, sessions: Arc<SessionGroup>) -> Outcome {
    match deliver(url, hub, sessions).await {
        Ok(never) => match never {},
        Err(outcome) => outcome,
    }
}

enum Never {}

async fn deliver(url: &SafeUrl, hub: &Arc<Hub>, sessions: Arc<SessionGroup>) -> Result<Never, Outcome> {
    let (address, creds) = split(url)
        .ok_or_else(|| Outcome::hopeless("the camera's address cannot be used", url.to_string()))?;
    let options = SessionOptions::default()
        .creds(creds)
        .user_agent("camera-service".to_owned())
        .session_group(sessions);
    let mut session = Session::describe(address, options).await.map_err(|e| failed(&e))?;
    let video = video_stream(&session)
        .ok_or_else(|| Outcome::hopeless("the camera offers no H.264 video", url.to_string()))?;
    let setup = SetupOptions::default()
        .transport(Transport::Tcp(TcpTransportOptions::default()))
        .frame_format(FrameFormat::SIMPLE);
    session.setup(video, setup).await.map_err(|e| failed(&e))?;
    let playing = session.play(PlayOptions::default()).await.map_err(|e| failed(&e))?;
    let mut frames = playing.demuxed().map_err(|e| failed(&e))?;
    tracing::info!(%url, "network camera connected");

    let mut assembler = Assembler::new();
    while let Some(item) = frames.next().await {
        let CodecItem::VideoFrame(frame) = item.map_err(|e| failed(&e))? else { continue };
        let time = frame.timestamp();
        let rate = i128::from(time.clock_rate().get());
        let source_90k = (i128::from(time.elapsed()) * i128::from(CLOCK_HZ) / rate) as i64;
        match assembler.annexb(frame.data()) {
            Ok(Some(picture)) => hub.push(picture, source_90k),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "dropped a picture"),
        }
    }
    Err(Outcome::failed("the camera ended the stream", url.to_string()))
}

fn video_stream(session: &Session<Described>) -> Option<usize> {
    session.streams().iter().position(|s| s.media() == "video" && s.encoding_name() == "h264")
}

fn failed(error: &retina::Error) -> Outcome {
    let public = match error.status_code() {
        Some(401 | 403) => "the camera refused the credentials",
        Some(404 | 454) => "the camera knows no such stream",
        Some(_) => "the camera refused the stream",
        None => "the camera did not answer or broke off",
    };
    // retina's texts hold addresses and message excerpts, never the credentials it was given apart.
    Outcome::failed(public, error.to_string().replace(|c: char| c.is_control(), " "))
}

/// The address without its user part, and the credentials that stood there.
fn split(url: &SafeUrl) -> Option<(Url, Option<Credentials>)> {
    let mut address = Url::parse(url.secret()).ok()?;
    let decoded = |text: &str| {
        let pairs = url::form_urlencoded::parse(text.replace('+', "%2B").as_bytes())
            .next()
            .map(|(k, _)| k.into_owned());
        pairs.unwrap_or_default()
    };
    let creds = (!address.username().is_empty()).then(|| Credentials {
        username: decoded(address.username()),
        password: decoded(address.password().unwrap_or_default()),
    });
    address.set_username("").ok()?;
    address.set_password(None).ok()?;
    Some((address, creds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_the_address() {
        let (address, creds) =
            split(&SafeUrl::new("rtsp://ad%40min:p%26w+d%3D1@10.0.0.5:8554/live?x=1")).unwrap();
        assert_eq!(address.as_str(), "rtsp://10.0.0.5:8554/live?x=1");
        let creds = creds.unwrap();
        assert_eq!((creds.username.as_str(), creds.password.as_str()), ("ad@min", "p&w+d=1"));
        assert!(split(&SafeUrl::new("rtsp://10.0.0.5/live")).unwrap().1.is_none());
        assert!(split(&SafeUrl::new("not a url")).is_none());
    }
}
