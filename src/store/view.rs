//! What a job may do with the database, on one of its threads.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::{StoreError, recipe};

/// The longest value. Pages of more than ~131 KB would go to files that sled never syncs, and a leaf holds 16
/// values.
pub const VALUE_MAX: usize = 4096;

/// The database as seen from its own threads.
#[derive(Clone)]
pub struct View {
    sled: sled::Db,
    dir: PathBuf,
    dead: Arc<OnceLock<String>>,
    #[cfg(test)]
    faults: super::faults::Faults,
}

/// A value, shared with sled's page.
pub struct StoredValue(sled::IVec);

impl Deref for StoredValue {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// One named table of the database.
pub struct Table<'a> {
    tree: sled::Tree,
    view: &'a View,
}

impl View {
    pub(super) fn new(
        sled: sled::Db,
        dir: PathBuf,
        dead: Arc<OnceLock<String>>,
        #[cfg(test)] faults: super::faults::Faults,
    ) -> Self {
        Self {
            sled,
            dir,
            dead,
            #[cfg(test)]
            faults,
        }
    }

    /// The table `name`, made when it is not there.
    pub fn table(&self, name: &str) -> Result<Table<'_>, StoreError> {
        self.alive()?;
        Ok(Table { tree: self.sled.open_tree(name)?, view: self })
    }

    /// Makes all that was written so far durable.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.alive()?;
        #[cfg(test)]
        self.faults.strike(super::faults::Op::Sync)?;
        Ok(recipe::sync(&self.sled, &self.dir)?)
    }

    /// A job that goes on after the database was given up must not touch it.
    fn alive(&self) -> Result<(), StoreError> {
        self.dead.get().map_or(Ok(()), |reason| Err(StoreError::Dead(reason.clone())))
    }
}

impl Table<'_> {
    /// The value of `key`.
    pub fn get(&self, key: &[u8]) -> Result<Option<StoredValue>, StoreError> {
        self.view.alive()?;
        #[cfg(test)]
        self.view.faults.strike(super::faults::Op::Get)?;
        let value = self.tree.get(key)?.map(StoredValue);
        #[cfg(test)]
        let value = value.map(|value| StoredValue(self.view.faults.spoil(&value).into()));
        Ok(value)
    }

    /// Sets `key` to at most [`VALUE_MAX`] bytes.
    pub fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.view.alive()?;
        #[cfg(test)]
        self.view.faults.strike(super::faults::Op::Put)?;
        if value.len() > VALUE_MAX {
            return Err(StoreError::ValueTooLong(value.len()));
        }
        // One by one, never as a batch: a batch takes sled's global lock and shuts readers out.
        self.tree.insert(key, value)?;
        Ok(())
    }

    /// Removes `key`; fine when it is not there.
    pub fn remove(&self, key: &[u8]) -> Result<(), StoreError> {
        self.view.alive()?;
        #[cfg(test)]
        self.view.faults.strike(super::faults::Op::Remove)?;
        self.tree.remove(key)?;
        Ok(())
    }

    /// Gives keys and values in key order, beginning at `from`, until `each` says false.
    pub fn scan(&self, from: &[u8], mut each: impl FnMut(&[u8], &[u8]) -> bool) -> Result<(), StoreError> {
        for pair in self.tree.range(from..) {
            self.view.alive()?;
            #[cfg(test)]
            self.view.faults.strike(super::faults::Op::Scan)?;
            let (key, value) = pair?;
            if !each(&key, &value) {
                break;
            }
        }
        Ok(())
    }
}
