//! A real browser watches by WHEP with a ticket, and is refused without one.

use serde_json::json;
use testkit::{browser, token::Role};

use crate::rig;

const PAGE: &str = include_str!("whep.html");

#[tokio::test]
async fn a_browser_watches_with_a_ticket_and_is_refused_without() {
    let Some((_mediamtx, mut service)) = rig(|setup| setup).await else { return };
    let device = service.device("A").await;
    let mut rpc = service.rpc(Role::Viewer).await;
    let told = rpc.ok("get_stream_url", json!({"device": device})).await;
    assert_eq!(told["ticket"]["sent_by"]["webrtc"], "bearer", "{told}");
    let (url, ticket) =
        (told["streams"]["webrtc"].as_str().unwrap(), told["ticket"]["token"].as_str().unwrap());
    let page = |ticket: &str| PAGE.replace("$URL", url).replace("$TICKET", ticket);
    let Some(refused) = browser::report(&page("")).await else {
        println!("SKIPPED: there is no Chromium on PATH, so no browser has watched");
        return;
    };
    // 400 before 1.17.0, 401 since.
    assert!(["refused 400", "refused 401"].contains(&&*refused), "{refused}");
    let seen = browser::report(&page(ticket)).await.unwrap();
    let mut words = seen.split(' ');
    assert_eq!((words.next(), words.next()), (Some("playing"), Some("320x180")), "{seen}");
    // The test picture has bars of many colours; a black or frozen-grey one has few.
    let colours: u32 = words.next().and_then(|count| count.parse().ok()).unwrap();
    assert!(colours >= 8, "{seen}");
}
