//! The suite of both backends, on the embedded one.

e2e::suite!(e2e::suite::embedded);
