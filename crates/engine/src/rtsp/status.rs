//! The status codes of RFC 2326 section 7.1.1 that we use.

/// How a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// 200.
    Ok,
    /// 400.
    BadRequest,
    /// 401; the reply asks for Basic credentials.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
    /// 405; the reply lists what is allowed.
    MethodNotAllowed,
    /// 413.
    TooLarge,
    /// 414.
    UriTooLong,
    /// 453, for "too many viewers".
    NotEnoughBandwidth,
    /// 454.
    SessionNotFound,
    /// 455; the reply lists what is allowed.
    NotValidInThisState,
    /// 459.
    AggregateNotAllowed,
    /// 461.
    UnsupportedTransport,
    /// 500.
    Internal,
    /// 501; the reply lists what is allowed.
    NotImplemented,
    /// 503.
    Unavailable,
    /// 504, for a source that does not start.
    GatewayTimeout,
    /// 505.
    VersionNotSupported,
    /// 551.
    OptionNotSupported,
}

impl Status {
    /// Number and reason phrase.
    pub(crate) fn line(self) -> (u16, &'static str) {
        match self {
            Self::Ok => (200, "OK"),
            Self::BadRequest => (400, "Bad Request"),
            Self::Unauthorized => (401, "Unauthorized"),
            Self::Forbidden => (403, "Forbidden"),
            Self::NotFound => (404, "Not Found"),
            Self::MethodNotAllowed => (405, "Method Not Allowed"),
            Self::TooLarge => (413, "Request Entity Too Large"),
            Self::UriTooLong => (414, "Request-URI Too Large"),
            Self::NotEnoughBandwidth => (453, "Not Enough Bandwidth"),
            Self::SessionNotFound => (454, "Session Not Found"),
            Self::NotValidInThisState => (455, "Method Not Valid in This State"),
            Self::AggregateNotAllowed => (459, "Aggregate Operation Not Allowed"),
            Self::UnsupportedTransport => (461, "Unsupported Transport"),
            Self::Internal => (500, "Internal Server Error"),
            Self::NotImplemented => (501, "Not Implemented"),
            Self::Unavailable => (503, "Service Unavailable"),
            Self::GatewayTimeout => (504, "Gateway Time-out"),
            Self::VersionNotSupported => (505, "RTSP Version Not Supported"),
            Self::OptionNotSupported => (551, "Option not supported"),
        }
    }

    /// Its number.
    pub fn code(self) -> u16 {
        self.line().0
    }
}
