//! A TLS and HTTP client, and with the feature `server` an HTTP server, without I/O: their host, the JavaScript that loads the module, gives bytes to it and takes bytes
//! and events from it.
//!
//! `tls.rs` keeps the rule that matters most: no request byte leaves before the host's verdict on the presented chain.
//! README.md beside `src/` draws how the files use each other.
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]

mod algorithms;
#[cfg(feature = "server")]
mod chunks;
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
#[cfg(feature = "server")]
mod http1_server;
#[cfg(feature = "server")]
mod http2_server;
pub mod http_client;
mod key;
pub mod limits;
mod records;
mod refusal;
#[cfg(feature = "server")]
mod reply;
mod report;
mod request;
#[cfg(feature = "server")]
mod request_gate;
#[cfg(feature = "server")]
mod requests;
mod response;
mod response_check;
#[cfg(feature = "server")]
pub mod serving;
mod sessions;
mod suites;
mod table;
pub mod tasks;
mod tls;
mod upgrade;
mod verifier;
mod wire;
mod witness;
