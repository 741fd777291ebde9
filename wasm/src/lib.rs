//! A TLS and HTTP client without I/O: its host, the JavaScript that loads the module, gives bytes to it and takes bytes
//! and events from it.
//!
//! `tls.rs` keeps the rule that matters most: no request byte leaves before the host's verdict on the presented chain.
//! README.md beside `src/` draws how the files use each other.
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]

mod algorithms;
pub mod cipher;
mod codec;
pub mod config;
pub mod connection;
mod der;
mod engine;
pub mod error;
pub mod exchange;
pub mod ffi;
mod frames;
mod head;
pub mod host;
pub mod http;
pub mod http_client;
mod key;
pub mod limits;
mod records;
mod refusal;
mod report;
mod request;
mod response;
mod response_check;
mod sessions;
mod suites;
mod table;
mod tasks;
mod tls;
mod upgrade;
mod verifier;
mod wire;
mod witness;
