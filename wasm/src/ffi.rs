//! The C ABI. The host writes into the input buffer, calls, and reads the report; no pointer comes from outside, so
//! there is none to distrust: a length is checked, a handle is looked up, and a wrong one answers -1 with a code.
//!
//! Numbers at or above 0 are a call's answer; -1 is a failure, described in the report (`engine.rs`).

use crate::engine::Engine;
use std::cell::RefCell;

/// Raised when a signature or a layout changes; the host refuses another.
const ABI_VERSION: u32 = 4;

thread_local! {
    static ENGINE: RefCell<Engine> = RefCell::default();
}

/// A host import that called back into the module would find the engine borrowed: that is our bug, answered with -1
/// and whatever the report held, not with a trap.
fn call(run: impl FnOnce(&mut Engine) -> Result<i32, crate::error::Failure>) -> i32 {
    ENGINE.with(|engine| match engine.try_borrow_mut() {
        Ok(mut engine) => engine.answer(run),
        Err(_) => -1,
    })
}

#[no_mangle]
pub extern "C" fn abi_version() -> u32 {
    ABI_VERSION
}

/// Once, first. `host_aead`: 1 when the host gives AES-GCM.
#[no_mangle]
pub extern "C" fn init(host_aead: u32) -> i32 {
    call(|engine| {
        engine.set_host_aead(host_aead == 1);
        Ok(0)
    })
}

/// Where the host writes what it passes; it never moves.
#[no_mangle]
pub extern "C" fn input_pointer() -> *mut u8 {
    ENGINE.with(|engine| engine.try_borrow_mut().map_or(std::ptr::null_mut(), |mut engine| engine.input.as_mut_ptr()))
}

#[no_mangle]
pub extern "C" fn input_capacity() -> u32 {
    crate::limits::INPUT_BYTES as u32
}

/// Eight u32 that every call may write; it never moves.
#[no_mangle]
pub extern "C" fn report_pointer() -> *const u32 {
    ENGINE.with(|engine| {
        engine.try_borrow().map_or(std::ptr::null(), |engine| std::ptr::from_ref(&*engine.report).cast())
    })
}

#[no_mangle]
pub extern "C" fn config_new(length: u32) -> i32 {
    call(|engine| engine.new_config(length as usize))
}

#[no_mangle]
pub extern "C" fn config_free(config: u32) -> i32 {
    call(|engine| engine.free_config(config))
}

/// What a ClientHello of this configuration offers, in the report (`config.rs`).
#[no_mangle]
pub extern "C" fn offers(config: u32) -> i32 {
    call(|engine| engine.offers(config))
}

#[no_mangle]
pub extern "C" fn connect_tls(config: u32, sni_length: u32) -> i32 {
    call(|engine| engine.connect_tls(config, sni_length as usize))
}

#[no_mangle]
pub extern "C" fn connect_plain(http2: u32) -> i32 {
    call(|engine| engine.connect_plain(http2 == 1))
}

#[no_mangle]
pub extern "C" fn connection_free(connection: u32) -> i32 {
    call(|engine| engine.free_connection(connection))
}

/// Bytes from the socket; answers how many were taken.
#[no_mangle]
pub extern "C" fn feed(connection: u32, length: u32) -> i32 {
    call(|engine| engine.feed(connection, length as usize))
}

/// The socket's end; `broken`: 1 when it was no orderly one.
#[no_mangle]
pub extern "C" fn end(connection: u32, broken: u32) -> i32 {
    call(|engine| engine.end(connection, broken == 1))
}

/// Lets hyper see what `request*` and `response_next` changed.
#[no_mangle]
pub extern "C" fn turn(connection: u32) -> i32 {
    call(|engine| engine.turn(connection))
}

/// Bytes for the socket, in the report.
#[no_mangle]
pub extern "C" fn drain(connection: u32) -> i32 {
    call(|engine| engine.drain(connection))
}

/// The presented chain and what was negotiated, in the report.
#[no_mangle]
pub extern "C" fn presented(connection: u32) -> i32 {
    call(|engine| engine.presented(connection))
}

#[no_mangle]
pub extern "C" fn approve(connection: u32) -> i32 {
    call(|engine| engine.approve(connection))
}

/// `alert`: a TLS alert description.
#[no_mangle]
pub extern "C" fn refuse(connection: u32, alert: u32) -> i32 {
    call(|engine| engine.refuse(connection, alert as u8))
}

#[no_mangle]
pub extern "C" fn failure(connection: u32) -> i32 {
    call(|engine| engine.failure(connection))
}

/// The end-entity certificate of a connection that failed because of it, or nothing; in the report.
#[no_mangle]
pub extern "C" fn evidence(connection: u32) -> i32 {
    call(|engine| engine.evidence(connection))
}

#[no_mangle]
pub extern "C" fn close(connection: u32) -> i32 {
    call(|engine| engine.close(connection))
}

/// A head (`request.rs`) of `length` bytes; answers the request's handle.
#[no_mangle]
pub extern "C" fn request(connection: u32, length: u32, has_body: u32) -> i32 {
    call(|engine| engine.request(connection, length as usize, has_body == 1))
}

/// Body bytes; answers how many were taken.
#[no_mangle]
pub extern "C" fn request_write(connection: u32, request: u32, length: u32) -> i32 {
    call(|engine| engine.write(connection, request, length as usize))
}

/// The body's end; `length` bytes of trailers, or 0.
#[no_mangle]
pub extern "C" fn request_end(connection: u32, request: u32, length: u32) -> i32 {
    call(|engine| engine.finish(connection, request, length as usize))
}

#[no_mangle]
pub extern "C" fn request_cancel(connection: u32, request: u32) -> i32 {
    call(|engine| engine.cancel(connection, request))
}

/// A request with something new, each once, or 0.
#[no_mangle]
pub extern "C" fn next_ready(connection: u32) -> i32 {
    call(|engine| engine.next_ready(connection))
}

/// The kind of the request's next event, or 0.
#[no_mangle]
pub extern "C" fn response_next(connection: u32, request: u32) -> i32 {
    call(|engine| engine.next_event(connection, request))
}

/// A question about a path (`witness.rs`) of `length` bytes; 1 when rustls-webpki accepts, -1 with its reason otherwise.
#[no_mangle]
pub extern "C" fn witness(length: u32) -> i32 {
    call(|engine| engine.witness(length as usize))
}
