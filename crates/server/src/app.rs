//! The service as one value: bound before anything runs, run until told to stop, stopped in order.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use control::{
    Controller,
    events::{Event, Feed, News, bus},
    settings::Problem,
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};

use crate::{
    audit::Audit,
    bridges::Bridges,
    config::{AuditLog, Config, Security, WebSocket},
    events::Hub,
    http, keeper,
    live::{Live, Values},
    metrics::Metrics,
    net::{Door, From, Gate, Tls},
    pulse::Pulse,
    rpc::{Access, Service, correlation_id},
    security::{Links, Secret, Tokens, kept_in, load_or_make},
    viewing::{self, Viewing},
    watch::FileWatch,
    wire::UrlBase,
};

/// Commands at work at once, of all connections, those of clients that have left included.
const MAX_COMMANDS: usize = 256;

/// Longest wait for the audit log's last lines at the end.
const FLUSH: Duration = Duration::from_secs(1);
/// How long answers by HTTP may still take when all the rest has ended.
const LAST_BYTES: Duration = Duration::from_millis(250);

/// What every connection shares.
pub(crate) struct App {
    pub(crate) service: Arc<Service>,
    pub(crate) websocket: WebSocket,
    pub(crate) live: Live,
    /// A connection must show a good credential within this time.
    pub(crate) auth_timeout: Duration,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) gate: Arc<Gate>,
    /// One permit for each command.
    pub(crate) commands: Arc<Semaphore>,
    /// How much may be under way by HTTP.
    pub(crate) places: http::Places,
    pub(crate) stopping: watch::Sender<bool>,
    pub(crate) pulse: Pulse,
}

/// Why the service did not start.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The configuration is wrong.
    Config(Vec<Problem>),
    /// Something was not to be had; for a person at this machine.
    Start(String),
}

/// Every port and folder is ours; nothing runs yet.
pub(crate) struct Bound {
    pub(crate) app: Arc<App>,
    listener: TcpListener,
    tls: Option<Tls>,
    pub(crate) address: SocketAddr,
    /// Signs tokens, for the demo.
    pub(crate) secret: Secret,
    /// Where a secret was kept that was made just now.
    pub(crate) made_secret: Option<PathBuf>,
    /// `None`: the file of API keys cannot be watched.
    keys_watch: Option<FileWatch>,
}

impl Bound {
    /// Takes ports and folders. A failure leaves nothing behind.
    pub(crate) async fn new(config: Config) -> Result<Self, Failure> {
        let live = Live::new(Values::of(&config));
        let Config { websocket, security, audit, events: leaving, shutdown_timeout, control, .. } = config;
        let wanted = websocket.address();
        let failed = |cause| Failure::Start(format!("cannot listen on {wanted} (websocket.port): {cause}"));
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let tls = websocket
            .tls
            .clone()
            .map(Tls::new)
            .transpose()
            .map_err(|what| Failure::Config(vec![Problem { key: "websocket.tls.cert".into(), what }]))?;
        if tls.is_none() && !address.ip().is_loopback() {
            tracing::warn!(
                %address,
                "SERVING BEYOND THIS MACHINE WITHOUT TLS: tokens can be read on the way; put a TLS proxy in front"
            );
        }
        if let Some(rtsp) = control.rtsp().filter(|rtsp| !rtsp.ip().is_loopback()) {
            tracing::warn!(
                address = %rtsp,
                "SERVING RTSP BEYOND THIS MACHINE: it is not encrypted, pictures and tickets can be read on the way"
            );
        }
        let known = Arc::<OnceLock<Weak<Service>>>::default();
        let authorize = viewing::authorize(known.clone());
        let (events, feed) = bus();
        let controller =
            Controller::start(control, authorize, events).await.map_err(|e| Failure::Start(e.to_string()))?;
        let beside = Beside::of(&controller, &security, &audit, websocket.max_queue, feed).await;
        let Beside { secret, made_secret, events, audit, access, viewing, keys_watch } = match beside {
            Ok(beside) => beside,
            Err(failure) => {
                controller.shutdown(Duration::ZERO).await;
                return Err(failure);
            }
        };
        let links = Links::new(&secret);
        let gate = Gate::new(websocket.max_connections, websocket.max_connections_per_address);
        let metrics = Metrics::new(gate.clone());
        let bridges = Bridges::new(*leaving.to, &events, &addresses(&controller, address.ip()));
        let service =
            Arc::new(Service { controller, access, audit, events, bridges, viewing, links, metrics });
        known.set(Arc::downgrade(&service)).expect("only this line sets it");
        let app = App {
            service,
            gate,
            websocket,
            live,
            auth_timeout: security.auth_timeout,
            shutdown_timeout,
            commands: Arc::new(Semaphore::new(MAX_COMMANDS)),
            places: http::Places::default(),
            stopping: watch::Sender::new(false),
            pulse: Pulse::new(),
        };
        Ok(Self { app: Arc::new(app), listener, tls, address, secret, made_secret, keys_watch })
    }

    /// Where clients connect.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}/ws", self.address)
    }

    /// Answers until `stop` is done, then ends everything in order; `false`: not in time.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) -> bool {
        let Self { app, listener, tls, keys_watch, .. } = self;
        let looking = app.pulse.start();
        if let Err(error) = &looking {
            tracing::warn!(%error, "nobody watches the runtime: nobody tells if it stands still");
        }
        let keeper = tokio::spawn(keeper::keep(app.service.clone(), keys_watch, app.stopping.subscribe()));
        app.service.audit.started();
        tokio::spawn(app.service.clone().tell_of_audit(app.stopping.subscribe()));
        app.service.bridges.start();
        viewing::steer(&app.service);
        tokio::spawn(viewing::keep_keys(app.service.clone(), app.stopping.subscribe()));
        let follow = tls.clone().map(|tls| tokio::spawn(tls.follow()));
        let door = Door::new(listener, app.gate.clone(), app.websocket.proxies.clone(), tls);
        let routes = http::router(app.clone()).into_make_service_with_connect_info::<From>();
        let mut told = app.stopping.subscribe();
        let stopped = async move {
            // An error: nobody can say so any more, which is the same.
            let _ = told.wait_for(|stopping| *stopping).await;
        };
        let mut server =
            tokio::spawn(axum::serve(door, routes).with_graceful_shutdown(stopped).into_future());
        stop.await;
        app.service.events.publish(News::now(Event::Shutdown));
        app.stopping.send_replace(true);
        let wind_down = async { tokio::join!(app.wind_down(), keeper).0 };
        let complete = tokio::time::timeout(app.shutdown_timeout, wind_down).await.unwrap_or(false);
        // Calls by HTTP are done by now, but for their last bytes; a download is cut.
        let _ = tokio::time::timeout(LAST_BYTES, &mut server).await;
        server.abort();
        if let Some(follow) = follow {
            follow.abort();
        }
        // Commands have left their lines. A disk that hangs must not keep us.
        let flushed = tokio::time::timeout(FLUSH, app.service.audit.close()).await.is_ok();
        complete && flushed
    }
}

impl App {
    /// Lets commands end, finishes recordings, ends sources and viewers; meanwhile sockets say goodbye.
    async fn wind_down(&self) -> bool {
        let media = async {
            let commands = self.commands.acquire_many(MAX_COMMANDS as u32);
            if tokio::time::timeout(self.shutdown_timeout / 5, commands).await.is_err() {
                tracing::warn!("a command is still at work");
            }
            self.service.controller.shutdown(self.shutdown_timeout / 2).await
        };
        let (complete, ()) = tokio::join!(media, self.gate.empty());
        // Last, for they tell that recordings have ended.
        self.service.bridges.end(self.shutdown_timeout / 5).await;
        complete
    }
}

/// What addresses in events begin with that nobody asked for, so that no client's host is known.
fn addresses(controller: &Controller, listening: IpAddr) -> UrlBase {
    let host = match listening {
        any if any.is_unspecified() => "localhost".to_owned(),
        IpAddr::V6(v6) => format!("[{v6}]"),
        IpAddr::V4(v4) => v4.to_string(),
    };
    UrlBase::new(&controller.viewing(), &host)
}

/// What a Controller that has started needs beside it: all that may still fail.
struct Beside {
    secret: Secret,
    made_secret: Option<PathBuf>,
    events: Arc<Hub>,
    audit: Audit,
    access: Access,
    viewing: Viewing,
    keys_watch: Option<FileWatch>,
}

impl Beside {
    async fn of(
        controller: &Controller,
        security: &Security,
        audit: &AuditLog,
        max_queue: usize,
        feed: Feed,
    ) -> Result<Self, Failure> {
        let data_dir = controller.data_dir();
        let (secret, made_secret) = secret(security, controller)?;
        let health = controller.health().await.map_err(|error| Failure::Start(error.to_string()))?;
        let viewing = if controller.uses_mediamtx() {
            Viewing::mediamtx(data_dir).map_err(Failure::Start)?
        } else {
            Viewing::embedded(security.media_auth, &secret)
        };
        let events = Hub::new(&correlation_id(), max_queue, health);
        events.publish(News::now(Event::Startup));
        tokio::spawn(events.clone().follow(feed));
        let audit = Audit::open(audit.place(data_dir), data_dir).map_err(Failure::Start)?;
        // Before the keys are read: what changes meanwhile must not be missed.
        let keys_watch = keeper::watched(security.api_keys_file(data_dir));
        let tokens = Tokens::new(&secret, security);
        let access = Access::open(tokens, security, data_dir, audit.clone());
        let access = access.map_err(|problem| Failure::Config(vec![problem]))?;
        Ok(Self { secret, made_secret, events, audit, access, viewing, keys_watch })
    }
}

/// The configured secret, or the one in the data folder; with its file when it was made just now.
fn secret(security: &Security, controller: &Controller) -> Result<(Secret, Option<PathBuf>), Failure> {
    if let Some(secret) = &security.secret {
        return Ok((secret.clone(), None));
    }
    let problem = |what| Failure::Config(vec![Problem { key: "security.jwt_secret".into(), what }]);
    let (secret, made) = load_or_make(controller.data_dir()).map_err(problem)?;
    Ok((secret, made.then(|| kept_in(controller.data_dir()))))
}
