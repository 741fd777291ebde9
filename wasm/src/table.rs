//! Handles for the host: the number of a slot and its generation, so that the handle of a removed entry never names a
//! later entry of the same slot.

/// A handle. It is never 0, which means "no handle" in the ABI.
pub type Handle = u32;

/// The last generation of a slot. Generations begin at 1, so that no handle is 0, and end here, so that no handle is
/// negative as an i32.
const MAX_GENERATION: u16 = 0x7fff;

/// Entries by handle.
pub struct Table<T> {
    slots: Vec<(u16, Option<T>)>,
    free: Vec<u16>,
    max: usize,
}

impl<T> Table<T> {
    /// A table of at most `max` entries, below 65,536.
    pub fn new(max: usize) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), max: max.min(usize::from(u16::MAX)) }
    }

    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Adds an entry and answers its handle; None when the table is full.
    pub fn insert(&mut self, value: T) -> Option<Handle> {
        let at = match self.free.pop() {
            Some(at) => at,
            None if self.slots.len() < self.max => {
                self.slots.push((1, None));
                (self.slots.len() - 1) as u16
            }
            None => return None,
        };
        let (generation, slot) = &mut self.slots[usize::from(at)];
        *slot = Some(value);
        Some(Handle::from(*generation) << 16 | Handle::from(at))
    }

    pub fn get(&self, handle: Handle) -> Option<&T> {
        let (generation, value) = self.slots.get((handle & 0xffff) as usize)?;
        if u32::from(*generation) == handle >> 16 {
            value.as_ref()
        } else {
            None
        }
    }

    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        let (generation, value) = self.slots.get_mut((handle & 0xffff) as usize)?;
        if u32::from(*generation) == handle >> 16 {
            value.as_mut()
        } else {
            None
        }
    }

    pub fn remove(&mut self, handle: Handle) -> Option<T> {
        let at = handle & 0xffff;
        self.get(handle)?;
        let (generation, value) = self.slots.get_mut(at as usize)?;
        *generation = if *generation == MAX_GENERATION { 1 } else { *generation + 1 };
        self.free.push(at as u16);
        value.take()
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn a_stale_handle_names_nothing_and_none_is_negative() {
        let mut table = Table::new(1);
        let mut before = 0;
        for at in 0..70_000u32 {
            let handle = table.insert(at).unwrap();
            assert!(handle as i32 > 0 && handle != before);
            assert_eq!((table.insert(0), table.get(before), table.get(handle)), (None, None, Some(&at)));
            assert_eq!(table.remove(handle), Some(at));
            assert_eq!((table.remove(handle), table.len()), (None, 0));
            before = handle;
        }
    }
}
