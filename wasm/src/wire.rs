//! The bytes between the host's socket and hyper: plaintext, or TLS with a verified peer.

use crate::error::{Code, Failure, WireError};
use crate::frames::FrameCheck;
use crate::head::HeadCheck;
use crate::limits;
use crate::response_check::ResponseCheck;
use crate::tls::Verified;
use hyper::rt::{Read, ReadBufCursor, Write};
use rustls::ClientConnection;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, BufRead, IoSlice, Write as _};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

enum Transport {
    Tls(Box<ClientConnection>),
    Plain { inbound: VecDeque<u8>, outbound: Vec<u8>, outbound_limit: usize },
}

/// One connection's bytes, in both directions.
pub struct Wire {
    transport: Transport,
    /// Whether the peer has ended its direction, in TLS with or without close_notify.
    ended: bool,
    /// The first failure, which every later read and write answers.
    failure: Option<Failure>,
    /// The number of request bytes taken from hyper.
    accepted: u64,
    /// The number of response bytes given to hyper.
    delivered: u64,
    check: ResponseCheck,
    /// The waker of hyper's pending read.
    reader: Option<Waker>,
    /// The waker of hyper's pending write.
    writer: Option<Waker>,
}

impl Wire {
    /// The wire of a TLS connection, which only a verified peer has.
    pub fn tls(verified: Verified) -> Self {
        Self::over(Transport::Tls(verified.into_inner()))
    }

    pub fn plain() -> Self {
        Self::plain_with(limits::PLAIN_OUTBOUND_BYTES)
    }

    /// The wire of a client's connection.
    #[cfg(feature = "server")]
    pub fn client() -> Self {
        Self::plain_with(limits::CLIENT_OUTBOUND_BYTES)
    }

    fn plain_with(outbound_limit: usize) -> Self {
        Self::over(Transport::Plain { inbound: VecDeque::new(), outbound: Vec::new(), outbound_limit })
    }

    fn over(transport: Transport) -> Self {
        Self {
            transport,
            ended: false,
            failure: None,
            accepted: 0,
            delivered: 0,
            check: ResponseCheck::default(),
            reader: None,
            writer: None,
        }
    }

    /// Checks responses as heads of HTTP/1.1 (`head.rs`).
    pub fn check_heads(&mut self) {
        self.check = ResponseCheck::Http1(HeadCheck::default());
    }

    /// Checks responses as frames of HTTP/2 (`frames.rs`).
    pub fn check_frames(&mut self) {
        self.check = ResponseCheck::Http2(FrameCheck::default());
    }

    /// Tells the check that a request was written, which a response may answer.
    pub fn expect_response(&mut self) {
        self.check.expect_response();
    }

    /// Whether the peer has sent GOAWAY.
    pub fn is_going_away(&self) -> bool {
        self.check.is_going_away()
    }

    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Takes bytes from the socket. Answers how many were taken: fewer than given while hyper has not read earlier
    /// ones.
    pub fn feed(&mut self, input: &[u8]) -> usize {
        if self.ended || self.failure.is_some() {
            return input.len(); // The bytes of an ended wire are taken and dropped.
        }
        let taken = match &mut self.transport {
            Transport::Tls(tls) => {
                if !tls.wants_read() {
                    return 0;
                }
                let mut rest = input;
                let taken = tls.read_tls(&mut rest).unwrap_or(0);
                match tls.process_new_packets() {
                    Ok(state) => self.ended = state.peer_has_closed(),
                    Err(error) => self.failure = Some(Failure::from_tls(&error)),
                }
                taken
            }
            Transport::Plain { inbound, .. } => {
                let taken = input.len().min(limits::PLAIN_INBOUND_BYTES.saturating_sub(inbound.len()));
                inbound.extend(&input[..taken]);
                taken
            }
        };
        self.wake();
        taken
    }

    /// Ends the peer's direction. `broken`: after an error of the socket, so that a response framed by the connection's
    /// end is not complete.
    pub fn end(&mut self, broken: bool) {
        if let Transport::Tls(tls) = &mut self.transport {
            // An empty read tells rustls of the end. rustls then knows whether close_notify came before it.
            let _ = tls.read_tls(&mut io::empty());
        }
        if broken && !self.ended {
            self.failure.get_or_insert(Failure::new(Code::PeerTruncated, "the connection broke"));
        }
        self.ended = true;
        self.wake();
    }

    /// The bytes of a plaintext wire that wait for the socket.
    #[cfg(feature = "server")]
    pub fn outbound_bytes(&self) -> usize {
        match &self.transport {
            Transport::Tls(_) => 0,
            Transport::Plain { outbound, .. } => outbound.len(),
        }
    }

    /// Drops what was written to a plaintext wire after its first `kept` bytes.
    #[cfg(feature = "server")]
    pub fn drop_outbound(&mut self, kept: usize) {
        if let Transport::Plain { outbound, .. } = &mut self.transport {
            outbound.truncate(kept);
        }
    }

    /// Writes to a plaintext wire between two writes of hyper's.
    #[cfg(feature = "server")]
    pub fn write_between(&mut self, bytes: &[u8]) {
        if let Transport::Plain { outbound, .. } = &mut self.transport {
            outbound.extend_from_slice(bytes);
        }
    }

    /// The number of bytes that [`Wire::feed`] takes of a plaintext wire.
    #[cfg(feature = "server")]
    pub fn inbound_room(&self) -> usize {
        match &self.transport {
            Transport::Tls(_) => 0,
            Transport::Plain { inbound, .. } => limits::PLAIN_INBOUND_BYTES.saturating_sub(inbound.len()),
        }
    }

    /// Gives back the memory of an idle plaintext wire.
    #[cfg(feature = "server")]
    pub fn shrink(&mut self) {
        if let Transport::Plain { inbound, outbound, .. } = &mut self.transport {
            inbound.shrink_to_fit();
            outbound.shrink_to_fit();
        }
    }

    pub fn has_output(&self) -> bool {
        match &self.transport {
            Transport::Tls(tls) => tls.wants_write(),
            Transport::Plain { outbound, .. } => !outbound.is_empty(),
        }
    }

    /// Moves the bytes for the socket to the end of `out`.
    pub fn drain(&mut self, out: &mut Vec<u8>) {
        match &mut self.transport {
            Transport::Tls(tls) => while tls.wants_write() && tls.write_tls(out).unwrap_or(0) > 0 {},
            Transport::Plain { outbound, .. } => out.append(outbound),
        }
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }

    /// Sends close_notify. The host closes the socket.
    pub fn shutdown(&mut self) {
        if let Transport::Tls(tls) = &mut self.transport {
            tls.send_close_notify();
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
        if self.failure.is_some() {
            if let Some(waker) = self.writer.take() {
                waker.wake();
            }
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>, mut buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Tls(tls) => match tls.reader().fill_buf() {
                Ok(chunk) => {
                    let count = chunk.len().min(buffer.remaining());
                    match self.check.check(&chunk[..count]) {
                        Ok(()) => {
                            buffer.put_slice(&chunk[..count]);
                            self.delivered += count as u64;
                            tls.reader().consume(count);
                            return Poll::Ready(Ok(()));
                        }
                        Err(malformed) => self.failure = Some(malformed),
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    let failure = Failure::new(Code::PeerTruncated, &error.to_string());
                    self.failure.get_or_insert(failure);
                }
            },
            Transport::Plain { inbound, .. } => {
                let (front, _) = inbound.as_slices();
                let count = front.len().min(buffer.remaining());
                if count > 0 || self.ended && self.failure.is_none() {
                    match self.check.check(&front[..count]) {
                        Ok(()) => {
                            buffer.put_slice(&front[..count]);
                            self.delivered += count as u64;
                            inbound.drain(..count);
                            return Poll::Ready(Ok(()));
                        }
                        Err(malformed) => self.failure = Some(malformed),
                    }
                }
            }
        }
        if let Some(failure) = &self.failure {
            return Poll::Ready(Err(WireError(failure.clone()).into()));
        }
        self.reader = Some(context.waker().clone());
        Poll::Pending
    }

    fn poll_write(&mut self, context: &mut Context<'_>, chunks: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if let Some(failure) = &self.failure {
            return Poll::Ready(Err(WireError(failure.clone()).into()));
        }
        let written = match &mut self.transport {
            Transport::Tls(tls) => tls.writer().write_vectored(chunks)?,
            Transport::Plain { outbound, outbound_limit, .. } => {
                let mut room = outbound_limit.saturating_sub(outbound.len());
                let before = room;
                for chunk in chunks {
                    let count = chunk.len().min(room);
                    outbound.extend_from_slice(&chunk[..count]);
                    room -= count;
                }
                before - room
            }
        };
        if written == 0 && chunks.iter().any(|chunk| !chunk.is_empty()) {
            self.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        self.accepted += written as u64;
        Poll::Ready(Ok(written))
    }
}

/// The wire as hyper reads and writes it.
pub struct Io(pub Rc<RefCell<Wire>>);

impl Read for Io {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_read(context, buffer)
    }
}

impl Write for Io {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_write(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_write(context, chunks)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().shutdown();
        Poll::Ready(Ok(()))
    }
}
