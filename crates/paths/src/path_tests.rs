//! A path whose camera is somewhere else now, or nowhere.

use std::time::Duration;

use base::{SafeUrl, config::Settings, units::Size};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::*;
use crate::{Attempt, Picture, Verdict};

const PATIENCE: Duration = Duration::from_secs(20);

/// A network camera that takes a connection and says nothing.
async fn silent() -> (TcpListener, Source) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rtsp://{}/live", listener.local_addr().unwrap());
    (listener, Source::Rtsp { url: SafeUrl::new(url) })
}

async fn dialled(camera: &TcpListener) -> TcpStream {
    timeout(PATIENCE, camera.accept()).await.expect("somebody dials the camera").unwrap().0
}

/// Waits until whoever reads this camera lets go of it.
async fn let_go(mut connection: TcpStream) {
    let mut asked = Vec::new();
    let end = timeout(PATIENCE, connection.read_to_end(&mut asked)).await;
    // Closed or reset: both are an end.
    assert!(end.is_ok(), "it is still being read");
}

async fn paths() -> Paths {
    paths_prepared(Prepare::default()).await
}

async fn paths_prepared(prepare: Prepare) -> Paths {
    let mut settings = Settings::default();
    settings.put("embedded.rtsp", "127.0.0.1:0".into(), base::config::Origin::File);
    // Longer than this test waits for anything: what ends a run here is the change, no time-out.
    settings.put("stream.viewing.start_timeout", "2m".into(), base::config::Origin::File);
    let config = Config::read(&mut settings);
    // Network cameras need no child.
    let launcher = Launcher::own_binary("none");
    Paths::start(config, launcher, prepare, Arc::new(|_| Verdict::NotFound)).await.unwrap()
}

#[tokio::test]
async fn what_was_read_in_its_name_is_let_go_when_the_camera_is_somewhere_else_or_gone() {
    let (paths, name) = (paths().await, PathName::new("camera0").unwrap());
    let ((first, one), (second, two)) = (silent().await, silent().await);
    paths.put(name.clone(), one.clone()).unwrap();
    let waiting = tokio::spawn({
        let (paths, name) = (paths.clone(), name.clone());
        async move { paths.lease(&name, Purpose::Viewing).await.map(drop) }
    });
    let connection = dialled(&first).await;
    paths.put(name.clone(), two).unwrap();
    let_go(connection).await;
    // Who waits goes on waiting, for the new one.
    let connection = dialled(&second).await;
    paths.take_source(&name);
    let_go(connection).await;
    let error = timeout(PATIENCE, waiting).await.expect("it is told").unwrap().unwrap_err();
    assert_eq!((error.kind, error.public.contains("not plugged in")), (Kind::Dependency, true), "{error:?}");
    let status = paths.status(&name).unwrap();
    assert_eq!((status.source.as_str(), status.error.is_some()), ("no camera", true), "{status:?}");
    // It comes back where it was: from that moment on it is not told as one that is gone.
    paths.put(name.clone(), one).unwrap();
    let status = paths.status(&name).unwrap();
    assert_eq!((status.error, paths.fails(&name)), (None, false));
    let again = tokio::spawn({
        let (paths, name) = (paths.clone(), name.clone());
        async move { paths.lease(&name, Purpose::Viewing).await.map(drop) }
    });
    let connection = dialled(&first).await;
    again.abort();
    paths.shutdown().await;
    let_go(connection).await;
    // A path that is not there is not made by taking its source.
    paths.take_source(&PathName::new("camera9").unwrap());
    assert!(paths.status(&PathName::new("camera9").unwrap()).is_none());
}

#[tokio::test]
async fn a_path_that_is_removed_lets_go_of_its_camera_and_tells_those_who_wait() {
    let (paths, name) = (paths().await, PathName::new("camera0").unwrap());
    let ((first, one), (second, two)) = (silent().await, silent().await);
    let lease = || {
        let (paths, name) = (paths.clone(), name.clone());
        tokio::spawn(async move { paths.lease(&name, Purpose::Viewing).await.map(drop) })
    };
    paths.put(name.clone(), one).unwrap();
    let waiting = lease();
    let connection = dialled(&first).await;
    paths.remove(&name);
    let_go(connection).await;
    let error = timeout(PATIENCE, waiting).await.expect("it is told").unwrap().unwrap_err();
    assert_eq!((error.kind, error.public.as_str()), (Kind::Dependency, "the stream was removed"));
    assert!(paths.status(&name).is_none());
    assert_eq!(lease().await.unwrap().unwrap_err().kind, Kind::NotFound);
    // Its name is free.
    paths.put(name.clone(), two).unwrap();
    let again = lease();
    let connection = dialled(&second).await;
    paths.shutdown().await;
    let_go(connection).await;
    again.abort();
    paths.remove(&PathName::new("camera9").unwrap());
}

fn device() -> Source {
    let size = Size { width: 64, height: 64 };
    let picture = Picture { size, fps: 5.0, bitrate_bps: None, quarter_turns: 0 };
    Source::Ffmpeg {
        input: vec!["-i".into(), "none".into()],
        picture,
        copy_h264: false,
        description: "a device".into(),
    }
}

#[tokio::test]
async fn a_device_that_somebody_holds_is_told_at_once_and_asked_why_after_a_failure() {
    let (note, mut attempts) = tokio::sync::mpsc::unbounded_channel();
    let paths = paths_prepared(Prepare::new(move |name, attempt| {
        note.send((name.to_string(), attempt)).unwrap();
        Box::pin(std::future::ready(Err(Error::new(Kind::Busy, "somebody holds it"))))
    }))
    .await;
    let name = PathName::new("camera0").unwrap();
    paths.put(name.clone(), device()).unwrap();
    let mut failures = paths.failures();
    let error = timeout(PATIENCE, paths.lease(&name, Purpose::Viewing)).await.unwrap().unwrap_err();
    assert_eq!((error.kind, error.public.as_str()), (Kind::Busy, "somebody holds it"));
    assert_eq!(attempts.recv().await, Some(("camera0".to_owned(), Attempt::First)));
    assert!(attempts.try_recv().is_err(), "the caller was told after one attempt");
    let calls = async {
        loop {
            paths.lease(&name, Purpose::Viewing).await.unwrap_err();
        }
    };
    let next = tokio::select! {
        next = attempts.recv() => next,
        () = calls => None,
    };
    assert_eq!(next, Some(("camera0".to_owned(), Attempt::AfterFailure)));
    failures.changed().await.unwrap();
    assert_eq!(paths.status(&name).unwrap().error.as_deref(), Some("somebody holds it"));
    paths.shutdown().await;
}

/// Tells when it is dropped.
struct Guard(Arc<watch::Sender<bool>>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

#[tokio::test]
async fn a_preparation_that_takes_long_is_given_up_with_the_run() {
    let (dropped, mut told) = watch::channel(false);
    let dropped = Arc::new(dropped);
    let paths = paths_prepared(Prepare::new(move |_, _| {
        let guard = Guard(dropped.clone());
        Box::pin(async move {
            let _guard = guard;
            std::future::pending().await
        })
    }))
    .await;
    let name = PathName::new("camera0").unwrap();
    paths.put(name.clone(), device()).unwrap();
    let waiting = tokio::spawn({
        let (paths, name) = (paths.clone(), name.clone());
        async move { paths.lease(&name, Purpose::Viewing).await.map(drop) }
    });
    while !paths.is_wanted(&name) {
        tokio::task::yield_now().await;
    }
    paths.take_source(&name);
    timeout(PATIENCE, told.wait_for(|dropped| *dropped)).await.expect("it is given up").unwrap();
    let error = timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.public, "the camera is not plugged in, or cannot be used");
    paths.shutdown().await;
}
