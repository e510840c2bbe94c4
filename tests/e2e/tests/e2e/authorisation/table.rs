//! What the contract says to each call: the table of roles as it was written down by hand, and how each
//! refusal looks.

use serde_json::{Value, json};
use testkit::token::Role;

use super::credentials::{Kind, Shown};

/// The one method that needs nobody.
const AUTHENTICATE: &str = "authenticate";
/// The one method whose role depends on what is asked for.
const SUBSCRIBE: &str = "subscribe_events";
/// No method has such a parameter: who may call is told so, and nothing happens.
const UNKNOWN: &str = "frobnicate";

/// How a credential comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By `authenticate`, once for the connection.
    Session,
    /// As `auth_token` beside the parameters, in a session that is somebody else's.
    Inline,
    /// In a header of the upgrade.
    Header,
    /// In a header of `POST /rpc`.
    Http,
}

impl Way {
    pub(super) const ALL: [Self; 4] = [Self::Session, Self::Inline, Self::Header, Self::Http];
}

/// One row of the table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) method: String,
    /// `None`: nobody need be known.
    least: Option<Role>,
    /// Of a call that would be good.
    params: Value,
    over_http: bool,
}

/// The cameras of the service.
#[derive(Debug)]
pub(super) struct Cameras {
    /// The one the calls are about.
    pub(super) meant: String,
    /// The one that some credentials are for.
    pub(super) other: String,
}

/// The table. Where real cameras are plugged in, `camera0` may be one of them: `meant` stands for it.
pub(super) fn rows(meant: &str) -> Vec<Row> {
    let text = include_str!("../../../data/authorisation.tsv").replace("camera0", meant);
    text.lines().filter(|line| !line.starts_with('#')).map(row).collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.split('\t').collect();
    let [method, least, params, over_http] = cells[..] else { panic!("not four cells: {line}") };
    let roles = [Role::Viewer, Role::Operator, Role::Admin];
    let least = roles.into_iter().find(|role| role.name() == least);
    assert_eq!(least.is_none(), method == AUTHENTICATE, "{line}");
    assert!(["yes", "session"].contains(&over_http), "{line}");
    let params: Value = serde_json::from_str(params).unwrap_or_else(|e| panic!("{e}: {line}"));
    Row { method: method.to_owned(), least, params, over_http: over_http == "yes" }
}

impl Row {
    /// The parameters that are sent. An unknown one among them keeps a good call from having an effect, and
    /// hides no refusal: the contract has role and scope judged before it. Two calls go without it, as their
    /// effect ends with the connection: a subscription, whose other parameters tell the role it needs, and
    /// signing in.
    pub(super) fn sent(&self, way: Way, shown: &Shown) -> Value {
        let mut params = self.params.clone();
        let signs_in = self.method == AUTHENTICATE && way == Way::Session;
        if !signs_in && self.method != SUBSCRIBE {
            params[UNKNOWN] = json!(true);
        }
        if let Some(text) = &shown.text
            && (signs_in || way == Way::Inline)
        {
            params["auth_token"] = json!(text);
        }
        params
    }

    /// What must be answered, in the words of [`super::said`].
    pub(super) fn wanted(&self, way: Way, shown: &Shown, cameras: &Cameras) -> String {
        let told = |status: u16, text: &str| match way {
            Way::Http => format!("{status} {text}"),
            _ => text.to_owned(),
        };
        let role = shown.kind.good_for();
        // A wrong one is judged where it is shown: there is no connection to call on.
        if way == Way::Header && shown.text.is_some() && role.is_none() {
            return "no upgrade: 401 -32001".into();
        }
        // By HTTP there is no session to sign in to: there it is a method like others.
        if self.method == AUTHENTICATE && way != Way::Http {
            return Self::wanted_of_authenticate(way, shown);
        }
        let Some(role) = role else { return told(401, "-32001") };
        if way == Way::Http && !self.over_http {
            return told(200, "-32030 session");
        }
        let least = self.least.expect("row() made sure that all but authenticate need a role");
        let of_topics = self.method == SUBSCRIBE;
        // A token of the call's own lends the session nothing: a subscription outlives the call.
        let session = shown.kind.beside().filter(|_| of_topics && way == Way::Inline);
        let role = session.map_or(role, |session| session.min(role));
        if role < least {
            return told(403, &format!("-32002 {} {}", least.name(), role.name()));
        }
        if shown.kind == Kind::OtherCamera && self.params.get("device").is_some() {
            return told(200, &format!("-32000 {} [\"{}\"]", cameras.meant, cameras.other));
        }
        if of_topics {
            return told(200, &format!("subscribed {}", self.params["topics"]));
        }
        told(200, &format!("-32602 {UNKNOWN} unknown"))
    }

    /// It needs nobody: what it is shown by its own parameter counts, and no session or header does.
    fn wanted_of_authenticate(way: Way, shown: &Shown) -> String {
        match (way, shown.kind.good_for()) {
            (Way::Header, _) => "-32602 auth_token required".into(),
            _ if shown.text.is_none() => "-32602 auth_token required".into(),
            (Way::Session, Some(role)) => format!("signed in as {}", role.name()),
            (Way::Session, None) => "-32001".into(),
            // It is read no further than to the unknown parameter: nobody is signed in.
            _ => format!("-32602 {UNKNOWN} unknown"),
        }
    }
}
