//! The host's ciphers, which the module calls synchronously. WASI gives the clock and the randomness.

use crate::cipher::Cipher;
use std::cell::Cell;

thread_local! {
    static CIPHERS: Cell<u32> = const { Cell::new(0) };
}

/// Sets the host's ciphers, as the sum of their numbers. Until then the host has none.
pub fn set_ciphers(numbers: u32) {
    CIPHERS.set(numbers);
}

/// Whether the host has this cipher.
pub fn has(cipher: Cipher) -> bool {
    CIPHERS.get() & cipher as u32 != 0
}

/// A key that the host holds until this value is dropped.
pub struct HostKey(u32);

/// The host's refusal to open or seal a record: for a wrong tag, or by an error of its own.
pub struct HostRefused;

impl HostKey {
    /// A key of 16 or 32 bytes for AES-GCM, of 32 for ChaCha20-Poly1305.
    pub fn new(cipher: Cipher, key: &[u8]) -> Self {
        Self(imports::new_key(cipher, key))
    }

    /// Decrypts ciphertext and tag in place.
    pub fn open(&self, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> Result<(), HostRefused> {
        if imports::open(self.0, nonce, aad, buffer) {
            Ok(())
        } else {
            Err(HostRefused)
        }
    }

    /// Encrypts all but the last 16 bytes in place and writes the tag into those.
    pub fn seal(&self, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> Result<(), HostRefused> {
        if imports::seal(self.0, nonce, aad, buffer) {
            Ok(())
        } else {
            Err(HostRefused)
        }
    }
}

impl Drop for HostKey {
    fn drop(&mut self) {
        imports::free_key(self.0);
    }
}

#[cfg(target_arch = "wasm32")]
mod imports {
    use super::Cipher;

    mod raw {
        #[link(wasm_import_module = "lasthop")]
        extern "C" {
            pub fn aead_new_key(cipher: u32, key: *const u8, key_bytes: usize) -> u32;
            pub fn aead_free_key(handle: u32);
            pub fn aead_open(
                handle: u32,
                nonce: *const u8,
                aad: *const u8,
                aad_bytes: usize,
                buffer: *mut u8,
                bytes: usize,
            ) -> u32;
            pub fn aead_seal(
                handle: u32,
                nonce: *const u8,
                aad: *const u8,
                aad_bytes: usize,
                buffer: *mut u8,
                bytes: usize,
            ) -> u32;
        }
    }

    pub fn new_key(cipher: Cipher, key: &[u8]) -> u32 {
        // SAFETY: the host reads `key.len()` bytes during the call and keeps a copy; the slice outlives the call.
        unsafe { raw::aead_new_key(cipher as u32, key.as_ptr(), key.len()) }
    }

    pub fn free_key(handle: u32) {
        // SAFETY: only a number crosses.
        unsafe { raw::aead_free_key(handle) }
    }

    pub fn open(handle: u32, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> bool {
        // SAFETY: the host reads 12 bytes of nonce and the aad, and reads and writes exactly `buffer.len()` bytes,
        // all during the call; the borrows last that long, and the host does not call back into this module.
        unsafe {
            raw::aead_open(handle, nonce.as_ptr(), aad.as_ptr(), aad.len(), buffer.as_mut_ptr(), buffer.len()) == 1
        }
    }

    pub fn seal(handle: u32, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> bool {
        // SAFETY: as in `open`.
        unsafe {
            raw::aead_seal(handle, nonce.as_ptr(), aad.as_ptr(), aad.len(), buffer.as_mut_ptr(), buffer.len()) == 1
        }
    }
}

/// The host of native tests: ring's ciphers, with a count of the calls.
#[cfg(not(target_arch = "wasm32"))]
pub mod imports {
    use super::Cipher;
    use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey};
    use std::cell::RefCell;
    use std::collections::HashMap;

    #[derive(Default)]
    pub struct TestHost {
        keys: HashMap<u32, LessSafeKey>,
        next: u32,
        pub calls: u32,
    }

    impl TestHost {
        pub fn live_keys(&self) -> usize {
            self.keys.len()
        }
    }

    thread_local! {
        pub static TEST_HOST: RefCell<TestHost> = RefCell::default();
    }

    pub fn new_key(cipher: Cipher, key: &[u8]) -> u32 {
        let algorithm = cipher.algorithm(key.len());
        let key = LessSafeKey::new(UnboundKey::new(algorithm, key).expect("a key of the algorithm's length"));
        TEST_HOST.with_borrow_mut(|host| {
            host.next += 1;
            host.keys.insert(host.next, key);
            host.next
        })
    }

    pub fn free_key(handle: u32) {
        // At the end of a thread the table may be dropped before the keys.
        let _ = TEST_HOST.try_with(|host| host.borrow_mut().keys.remove(&handle));
    }

    pub fn open(handle: u32, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> bool {
        TEST_HOST.with_borrow_mut(|host| {
            host.calls += 1;
            let nonce = Nonce::assume_unique_for_key(*nonce);
            host.keys[&handle].open_in_place(nonce, Aad::from(aad), buffer).is_ok()
        })
    }

    pub fn seal(handle: u32, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> bool {
        TEST_HOST.with_borrow_mut(|host| {
            host.calls += 1;
            let (plain, tag_room) = buffer.split_at_mut(buffer.len() - 16);
            let nonce = Nonce::assume_unique_for_key(*nonce);
            match host.keys[&handle].seal_in_place_separate_tag(nonce, Aad::from(aad), plain) {
                Ok(tag) => {
                    tag_room.copy_from_slice(tag.as_ref());
                    true
                }
                Err(_) => false,
            }
        })
    }
}
