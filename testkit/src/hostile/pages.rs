//! What a web page can make a browser send: upgrades and calls from other origins, and to names that were
//! pointed at this machine (DNS rebinding). Each has good credentials, which must not help.

use super::{Attack, Ground, Must, UPGRADE, paths::call};

pub(super) fn table(ground: &Ground<'_>) -> Vec<Attack> {
    let port = ground.address().port();
    let other_port = port ^ 1;
    let mut rows = Vec::new();
    for (name, origin) in [
        ("another origin", "http://evil.example".to_owned()),
        ("no origin to speak of", "null".into()),
        ("another port", format!("http://127.0.0.1:{other_port}")),
        ("another scheme", format!("https://{}", ground.host)),
        ("another name of ours", format!("http://localhost:{port}")),
        ("our name in front of another", format!("http://{}.evil.example", ground.host)),
        ("our name as a user", format!("http://{}@evil.example", ground.host)),
        ("two origins", format!("http://{}\r\nOrigin: http://evil.example", ground.host)),
        ("an extension", "chrome-extension://abcdefghijklmnop".into()),
        ("nothing", String::new()),
    ] {
        for (line, headers, body) in doors() {
            let request = ground.viewers_request(line, &format!("Origin: {origin}\r\n{headers}"), &body);
            rows.push(Attack::bytes(format!("{line} from {name}"), request, Must::Status(403)));
        }
    }
    for (name, host) in [
        ("another name", "evil.example".to_owned()),
        ("another name with our port", format!("evil.example:{port}")),
        ("our name in front of another", format!("127.0.0.1.evil.example:{port}")),
        ("localhost in front of another", format!("localhost.evil.example:{port}")),
        ("no name", String::new()),
        ("a name with a user", format!("127.0.0.1@evil.example:{port}")),
        ("two names", format!("{} evil.example", ground.host)),
    ] {
        for (line, headers, body) in doors() {
            let request = ground.viewers_request(line, headers, &body);
            let request = request.replacen(&format!("Host: {}", ground.host), &format!("Host: {host}"), 1);
            rows.push(Attack::bytes(format!("{line} to {name}"), request, Must::Status(421)));
        }
    }
    let absolute = ground.viewers_request("GET http://evil.example/health", "", "");
    rows.push(Attack::bytes("another name in the request line", absolute, Must::Status(421)));
    rows
}

/// What a page would like to open: line, headers, body.
fn doors() -> [(&'static str, &'static str, String); 3] {
    [
        ("GET /ws", UPGRADE, String::new()),
        ("POST /rpc", "Content-Type: application/json\r\n", call("ping", "{}")),
        ("GET /files/recordings/a.mp4", "", String::new()),
    ]
}
