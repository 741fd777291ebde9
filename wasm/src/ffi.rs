//! The C ABI. The host writes into the input buffer, calls a function, and reads the report (`report.rs`).
//!
//! Each function answers a number: at or above 0 when it succeeds, -1 when it fails, and the report then has the code.
//! The host passes lengths and handles, which are checked, and never a pointer, which could not be.

use crate::engine::Engine;
use std::cell::RefCell;

/// The version of the ABI, raised when a signature or a layout changes. The host refuses a module of another version.
const ABI_VERSION: u32 = 7;

thread_local! {
    static ENGINE: RefCell<Engine> = RefCell::default();
}

/// Runs a call on the engine. The engine is already borrowed when a host import calls back into the module: a bug of
/// ours, which answers -1 with the earlier report and does not trap.
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

/// Sets the module up; the host calls it once, before any other function. `ciphers`: the host's ciphers, as the sum of
/// their numbers (`cipher.rs`).
#[no_mangle]
pub extern "C" fn init(ciphers: u32) -> i32 {
    crate::host::set_ciphers(ciphers);
    0
}

/// The address of the input buffer, which never moves.
#[no_mangle]
pub extern "C" fn input_pointer() -> *mut u8 {
    ENGINE.with(|engine| engine.try_borrow_mut().map_or(std::ptr::null_mut(), |mut engine| engine.input.as_mut_ptr()))
}

#[no_mangle]
pub extern "C" fn input_capacity() -> u32 {
    crate::limits::INPUT_BYTES as u32
}

/// The address of the report, eight u32, which never moves. Every call may change the report.
#[no_mangle]
pub extern "C" fn report_pointer() -> *const u32 {
    ENGINE.with(|engine| {
        engine.try_borrow().map_or(std::ptr::null(), |engine| std::ptr::from_ref(&*engine.report).cast())
    })
}

/// Makes a configuration (`Config::parse`) of `length` bytes. Answers its handle.
#[no_mangle]
pub extern "C" fn config_new(length: u32) -> i32 {
    call(|engine| engine.new_config(length as usize))
}

/// Forgets a configuration. Connections made with it go on.
#[no_mangle]
pub extern "C" fn config_free(config: u32) -> i32 {
    call(|engine| engine.free_config(config))
}

/// Reports what a ClientHello of this configuration offers (`Config::offers`).
#[no_mangle]
pub extern "C" fn offers(config: u32) -> i32 {
    call(|engine| engine.offers(config))
}

/// Starts a TLS connection with an SNI of `sni_length` bytes. Answers its handle.
#[no_mangle]
pub extern "C" fn connect_tls(config: u32, sni_length: u32) -> i32 {
    call(|engine| engine.connect_tls(config, sni_length as usize))
}

/// Starts a plaintext connection. `http2`: 1 for HTTP/2 with prior knowledge. Answers its handle.
#[no_mangle]
pub extern "C" fn connect_plain(http2: u32) -> i32 {
    call(|engine| engine.connect_plain(http2 == 1))
}

/// Forgets a connection and its requests.
#[no_mangle]
pub extern "C" fn connection_free(connection: u32) -> i32 {
    call(|engine| engine.free_connection(connection))
}

/// Passes bytes from the socket. Answers how many were taken.
#[no_mangle]
pub extern "C" fn feed(connection: u32, length: u32) -> i32 {
    call(|engine| engine.feed(connection, length as usize))
}

/// Says that the socket has ended. `broken`: 1 after an error of the socket, 0 after an orderly end.
#[no_mangle]
pub extern "C" fn end(connection: u32, broken: u32) -> i32 {
    call(|engine| engine.end(connection, broken == 1))
}

/// Runs hyper on what earlier calls of `request*` and `response_next` made possible.
#[no_mangle]
pub extern "C" fn turn(connection: u32) -> i32 {
    call(|engine| engine.turn(connection))
}

/// Reports bytes for the socket.
#[no_mangle]
pub extern "C" fn drain(connection: u32) -> i32 {
    call(|engine| engine.drain(connection))
}

/// Reports the presented chain and what was negotiated (`AwaitingVerdict::presented`).
#[no_mangle]
pub extern "C" fn presented(connection: u32) -> i32 {
    call(|engine| engine.presented(connection))
}

/// Accepts the presented chain.
#[no_mangle]
pub extern "C" fn approve(connection: u32) -> i32 {
    call(|engine| engine.approve(connection))
}

/// Refuses the presented chain. `alert`: the TLS alert description for the peer.
#[no_mangle]
pub extern "C" fn refuse(connection: u32, alert: u32) -> i32 {
    call(|engine| engine.refuse(connection, alert as u8))
}

/// Fails with the reason why the connection is closed; answers 0 when it is not closed.
#[no_mangle]
pub extern "C" fn failure(connection: u32) -> i32 {
    call(|engine| engine.failure(connection))
}

/// Reports the end-entity certificate because of which a connection failed; no bytes after any other failure.
#[no_mangle]
pub extern "C" fn evidence(connection: u32) -> i32 {
    call(|engine| engine.evidence(connection))
}

/// Closes the connection from our side.
#[no_mangle]
pub extern "C" fn close(connection: u32) -> i32 {
    call(|engine| engine.close(connection))
}

/// Starts a request with a head (`request.rs`) of `length` bytes. Answers the request's handle.
#[no_mangle]
pub extern "C" fn request(connection: u32, length: u32, has_body: u32) -> i32 {
    call(|engine| engine.request(connection, length as usize, has_body == 1))
}

/// Passes bytes of the request body. Answers how many were taken.
#[no_mangle]
pub extern "C" fn request_write(connection: u32, request: u32, length: u32) -> i32 {
    call(|engine| engine.write(connection, request, length as usize))
}

/// Ends the request body. `length`: the number of bytes of trailers, or 0.
#[no_mangle]
pub extern "C" fn request_end(connection: u32, request: u32, length: u32) -> i32 {
    call(|engine| engine.finish(connection, request, length as usize))
}

/// Cancels a request. On HTTP/1.1 that closes the connection.
#[no_mangle]
pub extern "C" fn request_cancel(connection: u32, request: u32) -> i32 {
    call(|engine| engine.cancel(connection, request))
}

/// Makes a client's connection (`serving.rs`). `http2`: 1 for HTTP/2, whose preface the client sends. Answers its
/// handle.
#[cfg(feature = "server")]
#[no_mangle]
pub extern "C" fn serve(http2: u32) -> i32 {
    call(|engine| engine.serve(http2 == 1))
}

/// Gives the response to a client's request, with a head (`reply.rs`) of `length` bytes.
#[cfg(feature = "server")]
#[no_mangle]
pub extern "C" fn respond(connection: u32, request: u32, length: u32, has_body: u32) -> i32 {
    call(|engine| engine.respond(connection, request, length as usize, has_body == 1))
}

/// Gives a whole response to a client's request: a head of `head` bytes and a body of `body` bytes behind it.
#[cfg(feature = "server")]
#[no_mangle]
pub extern "C" fn respond_whole(connection: u32, request: u32, head: u32, body: u32) -> i32 {
    call(|engine| engine.respond_whole(connection, request, head as usize, body as usize))
}

/// Has the response to `request` on a backend's connection follow what was written of the response to `served` on a
/// client's connection, in place of `request_end`. The host gets the last event of the backend's response. Trailers end
/// the splice: the host gets them, too, and ends the response by `request_end`.
#[cfg(feature = "server")]
#[no_mangle]
pub extern "C" fn splice(client: u32, served: u32, backend: u32, request: u32) -> i32 {
    call(|engine| engine.splice(client, served, backend, request))
}

/// Answers how the splice into the response to a client's request goes: four times the bytes moved since the last call, 2
/// more when it is over, and 1 more when bytes wait for the client.
#[cfg(feature = "server")]
#[no_mangle]
pub extern "C" fn splice_progress(client: u32, served: u32) -> i32 {
    call(|engine| engine.splice_progress(client, served))
}

/// Runs hyper on the next connection of which a call about another one woke tasks (`STATUS_OTHERS`). Answers its
/// handle, or 0; the report has its status.
#[cfg(feature = "server")]
#[no_mangle]
pub extern "C" fn next_changed() -> i32 {
    call(Engine::next_changed)
}

/// Gives an informational response to a client's request. 100 lets the body of a request that waits for it come.
#[cfg(feature = "server")]
#[no_mangle]
pub extern "C" fn inform(connection: u32, request: u32, length: u32) -> i32 {
    call(|engine| engine.inform(connection, request, length as usize))
}

/// Has the rest of a client's request body read and dropped.
#[cfg(feature = "server")]
#[no_mangle]
pub extern "C" fn body_drop(connection: u32, request: u32) -> i32 {
    call(|engine| engine.drop_body(connection, request))
}

/// Ends a client's request by a reset of its stream, for `reason` (RFC 9113 §7). On HTTP/1.1 that closes the connection.
#[cfg(feature = "server")]
#[no_mangle]
pub extern "C" fn request_reset(connection: u32, request: u32, reason: u32) -> i32 {
    call(|engine| engine.reset_request(connection, request, reason))
}

/// Answers 1 when the client has ended its request before it was answered. Its last event, which says so, may stand
/// behind a body that the host has not taken.
#[cfg(feature = "server")]
#[no_mangle]
pub extern "C" fn request_failed(connection: u32, request: u32) -> i32 {
    call(|engine| engine.has_failed(connection, request))
}

/// Has a client's HTTP/2 connection end once the requests in flight are answered.
#[cfg(feature = "server")]
#[no_mangle]
pub extern "C" fn retire(connection: u32) -> i32 {
    call(|engine| engine.retire(connection))
}

/// Gives back the memory of a client's connection that is idle. Answers 1 when it is.
#[cfg(feature = "server")]
#[no_mangle]
pub extern "C" fn release(connection: u32) -> i32 {
    call(|engine| engine.release(connection))
}

/// Answers the handle of a request that has new events, or 0. A request is answered once until it has more.
#[no_mangle]
pub extern "C" fn next_ready(connection: u32) -> i32 {
    call(|engine| engine.next_ready(connection))
}

/// Answers the kind of the request's next event, or 0 when it has none. The report has the event's bytes.
#[no_mangle]
pub extern "C" fn response_next(connection: u32, request: u32) -> i32 {
    call(|engine| engine.next_event(connection, request))
}

/// Asks about a path (`witness.rs`) in `length` bytes. Answers 1 when rustls-webpki accepts the path, and otherwise -1.
#[no_mangle]
pub extern "C" fn witness(length: u32) -> i32 {
    call(|engine| engine.witness(length as usize))
}
