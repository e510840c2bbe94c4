//! Viewers: several at once, from the first picture on, one video program for all of them, and none
//! when they have left.

use std::time::{Duration, Instant};

use e2e::{PATIENCE, readers_become, stream};
use serde_json::Value;
use testkit::{
    Player, Setup, Transport, Watch, ffmpeg,
    h264::slices,
    rtsp::{Connection, RtspError},
    token::Role,
};

#[tokio::test]
async fn ffmpeg_by_tcp_and_udp_and_ffprobe_play_at_the_same_time() {
    let mut service = Setup::new().test_camera("A", "640x360@15").start().await;
    let device = service.device("A").await;
    let mut rpc = service.rpc(Role::Viewer).await;
    let told = rpc.ok("get_stream_url", serde_json::json!({"device": device})).await;
    let url = told["stream_url"].as_str().unwrap();
    assert_eq!((&told["available"], &told["stream_status"]), (&Value::Bool(true), &Value::from("NOT_READY")));
    assert!(service.ffmpegs().is_empty(), "nobody has asked for a picture yet");

    // Enough pictures that all three are there at once; the two viewers decode every one of them.
    let play = |transport: &'static str| {
        let arguments = format!(
            "-xerror -err_detect explode -rtsp_transport {transport} -i {url} -vsync passthrough -frames:v 75 -f framecrc pipe:1"
        );
        async move { ffmpeg::ffmpeg(arguments.split(' ')).await }
    };
    let probe = async {
        let what = "stream=codec_name,profile,level,width,height,pix_fmt,has_b_frames";
        ffmpeg::ffprobe(&["-rtsp_transport", "tcp", "-show_entries", what], url.as_ref()).await
    };
    let together = async {
        readers_become(&mut rpc, &device, 3).await;
        service.ffmpegs().len()
    };
    let (by_tcp, by_udp, probed, sources) = tokio::join!(play("tcp"), play("udp"), probe, together);
    for (transport, report) in [("tcp", by_tcp), ("udp", by_udp)] {
        let report = String::from_utf8_lossy(&report).into_owned();
        let pictures = report.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(pictures, 75, "{transport}: {report}");
    }
    let expected = serde_json::json!({
        "codec_name": "h264", "profile": "Constrained Baseline", "level": 30, "width": 640, "height": 360,
        "pix_fmt": "yuv420p", "has_b_frames": 0,
    });
    assert_eq!(probed["streams"], serde_json::json!([expected]));
    assert_eq!(sources, 1, "video programs for three viewers of one camera");
    readers_become(&mut rpc, &device, 0).await;
    assert!(stream(&mut rpc, &device).await["bytes_sent"].as_u64().unwrap() > 100_000);
}

#[tokio::test]
async fn two_first_viewers_share_one_program_and_none_is_left_after_the_last() {
    const CLOSE_AFTER: Duration = Duration::from_secs(1);
    let setup = Setup::new().test_camera("A", "640x360@15").set("stream.viewing.close_after", "1s");
    let mut service = setup.start().await;
    let device = service.device("A").await;
    let address = service.rtsp().await;
    let open = || async {
        let mut player = Player::open(address, &device, Transport::Tcp).await.unwrap();
        let (_, first_key) = player.first_key().await.unwrap();
        (player, first_key)
    };
    let ((mut one, first), (two, second)) = tokio::join!(open(), open());
    assert_eq!(service.ffmpegs().len(), 1, "video programs for two simultaneous first viewers");
    // The promise is one second, on a machine with nothing else to do; `make bench` measures it.
    assert!(first.max(second) < Duration::from_secs(10), "cold start {first:?}, {second:?}");

    // One leaves by TEARDOWN: the other sees nothing of it.
    two.teardown().await.unwrap();
    one.frames(30).await.unwrap();
    assert_eq!((one.problems(), one.lost_packets()), (&[][..], 0));
    // The last one leaves by hanging up.
    let left = Instant::now();
    drop(one);
    service.ffmpegs_become(0, PATIENCE).await;
    assert!(left.elapsed() >= CLOSE_AFTER, "stopped before its time: {:?}", left.elapsed());
    let mut rpc = service.rpc(Role::Viewer).await;
    assert_eq!(stream(&mut rpc, &device).await["ready"], false);

    // And it starts again for the next.
    Player::open(address, &device, Transport::Tcp).await.unwrap().first_key().await.unwrap();
}

#[tokio::test]
async fn a_viewer_starts_at_once_with_the_last_key_frame_and_misses_nothing() {
    // Without a cache the next key frame would be up to ten seconds away.
    let setup = Setup::new().test_camera("A", "640x360@15").set("codec.gop_seconds", 10);
    let mut service = setup.start().await;
    let device = service.device("A").await;
    let address = service.rtsp().await;
    let first = Watch::start(address, &device, Transport::Tcp).await.unwrap();
    first.reach(30, PATIENCE).await;
    for transport in [Transport::Tcp, Transport::Udp] {
        let mut late = Player::open(address, &device, transport).await.unwrap();
        let (key, after) = late.first_key().await.unwrap();
        assert!(after < Duration::from_secs(1), "{transport:?}: first key frame after {after:?}");
        let mut frames = vec![key];
        frames.extend(late.frames(44).await.unwrap());
        assert_eq!((late.problems(), late.lost_packets()), (&[][..], 0), "{transport:?}");
        let newest = frames.last().unwrap().timestamp;
        let what = "the first viewer has seen what the late one has";
        testkit::eventually(what, PATIENCE, async || {
            (first.newest().timestamp.wrapping_sub(newest) < 1 << 31).then_some(())
        })
        .await;
        let seen = first.frames();
        let begin = seen.iter().position(|frame| frame.timestamp == frames[0].timestamp).unwrap();
        for (theirs, ours) in frames.iter().zip(&seen[begin..]) {
            assert_eq!(theirs.timestamp, ours.timestamp, "{transport:?}");
            assert_eq!(slices(&theirs.nals), slices(&ours.nals), "{transport:?}");
        }
    }
    let (player, frames, error) = first.stop().await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!((player.problems(), player.lost_packets()), (&[][..], 0));
    // Sender reports tie the stream's clock to the wall clock (RFC 3550 section 6.4.1).
    let report = player.reports().first().expect("a report comes with the first pictures");
    assert_eq!(Some(report.ssrc), player.ssrc());
    let between = report.timestamp.wrapping_sub(frames[0].timestamp).cast_signed();
    assert!(between.unsigned_abs() < 30 * 90_000, "a report of another clock: {report:?}");
    // 1900 to 1970 (RFC 868); the report's time is the picture's, a moment ago.
    let now_s = testkit::time::seconds(std::time::SystemTime::now()) + 2_208_988_800;
    assert!(now_s.abs_diff(report.ntp >> 32) < 60, "{report:?}");
}

#[tokio::test]
async fn what_cannot_be_watched_is_refused() {
    let setup = Setup::new().test_camera("A", "320x180@15").url_camera("Gone", "rtsp://127.0.0.1:1/x");
    let mut service = setup.start().await;
    let (device, gone) = (service.device("A").await, service.device("Gone").await);
    let address = service.rtsp().await;
    for path in ["camera999", "", "camera0/../camera0", "nonsense/deep"] {
        let refused = Player::open(address, path, Transport::Tcp).await.unwrap_err();
        assert!(
            matches!(refused, RtspError::Refused { method: "DESCRIBE", status: 404 }),
            "{path}: {refused}"
        );
    }

    // A camera that cannot be reached: an error well before the start time-out of 10 s, by both doors.
    let began = Instant::now();
    let refused = Player::open(address, &gone, Transport::Tcp).await.unwrap_err();
    assert!(matches!(refused, RtspError::Refused { method: "DESCRIBE", status: 503 }), "{refused}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    let mut rpc = service.rpc(Role::Viewer).await;
    let told = rpc.ok("get_stream_url", serde_json::json!({"device": gone})).await;
    assert_ne!(told["stream_status"], "READY");

    // Nobody but the service feeds a stream: neither by hand nor with a real publisher.
    let url = format!("rtsp://{address}/{device}");
    let mut connection = Connection::open(address).await.unwrap();
    let body = "v=0\r\ns=x\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
    let announce = format!(
        "ANNOUNCE {url} RTSP/1.0\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.send(announce.as_bytes()).await.unwrap();
    assert_eq!(connection.response().await.unwrap().unwrap().status, 405);
    assert_eq!(connection.request("RECORD", &url, &[]).await.unwrap().status, 405);
    let transport = [("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record")];
    assert_eq!(connection.request("SETUP", &url, &transport).await.unwrap().status, 461);
    let publish =
        "-re -f lavfi -i testsrc2=size=320x180:rate=15:duration=5 -c:v libx264 -f rtsp -rtsp_transport tcp";
    ffmpeg::failing(&format!("{publish} {url}")).await;
    ffmpeg::failing(&format!("{publish} rtsp://{address}/camera7")).await;
    assert!(service.ffmpegs().is_empty(), "none of this needed a picture");
    Player::open(address, &device, Transport::Tcp).await.unwrap().first_key().await.unwrap();
}
