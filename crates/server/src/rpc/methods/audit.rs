//! The audit log, for those who may read it.

use crate::{
    rpc::Caller,
    wire::{AuditLog, Code, Error, GetAuditLog},
};

/// Lines of it, newest first.
pub(crate) async fn get_audit_log(caller: Caller, wish: GetAuditLog) -> Result<AuditLog, Error> {
    let audit = caller.service.audit.clone();
    let read = tokio::task::spawn_blocking(move || audit.page(wish.before, wish.limit)).await;
    match read {
        Ok(Ok(page)) => Ok(page.into()),
        Ok(Err(cause)) => {
            tracing::error!(correlation_id = caller.correlation_id, %cause, "the audit log could not be read");
            let error = Error::new(Code::DependencyFailed, "the audit log cannot be read");
            Err(error.with("dependency", "audit_log").with("retryable", true))
        }
        Err(cause) => {
            tracing::error!(correlation_id = caller.correlation_id, %cause, "reading the audit log ended early");
            Err(Error::internal(&caller.correlation_id))
        }
    }
}
