//! A sans-IO TLS and HTTP client for lasthop: bytes in, bytes out, events out.
//!
//! Read `tls.rs` for the one promise that matters: no request byte before the host's verdict on the presented chain.
//! Then `connection.rs` (states), `http.rs` and `response.rs` (hyper), `ffi.rs` (the border).
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]

mod algorithms;
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
mod key;
pub mod limits;
mod refusal;
mod request;
mod response;
mod sessions;
mod suites;
mod table;
mod tasks;
mod tls;
mod upgrade;
mod verifier;
mod wire;
mod witness;
