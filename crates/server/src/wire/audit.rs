//! The audit log as an admin reads it.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};

use super::{
    error::Error,
    params::{FromParams, Params},
};
use crate::audit::{Page, number};

/// Takes `{limit?, cursor?}`.
#[derive(Debug)]
pub(crate) struct GetAuditLog {
    pub(crate) limit: usize,
    /// Lines with lower numbers than this.
    pub(crate) before: Option<u64>,
}

impl FromParams for GetAuditLog {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        let limit = params.integer("limit", 1..=1000)?.unwrap_or(100) as usize;
        let before = params.text("cursor")?.map(|cursor| {
            let number = number(&cursor).filter(|number| *number > 0);
            number
                .ok_or_else(|| Error::param("cursor", "cursor", "must be the next_cursor of another answer"))
        });
        Ok(Self { limit, before: before.transpose()? })
    }
}

/// Gives lines of the log, newest first, each as it stands there.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AuditLog {
    #[schemars(with = "Vec<Map<String, Value>>")]
    entries: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl From<Page> for AuditLog {
    fn from(page: Page) -> Self {
        Self {
            // The log's reader gives nothing that is not JSON.
            entries: page.lines.into_iter().filter_map(|line| RawValue::from_string(line).ok()).collect(),
            next_cursor: page.next.map(|next| next.to_string()),
        }
    }
}
