//! Several mistakes of one configuration, told at once.

use super::ConfigError;

/// The mistakes found so far.
#[derive(Debug, Default)]
pub struct Faults(Vec<ConfigError>);

impl Faults {
    /// Takes a mistake down.
    pub fn add(&mut self, error: ConfigError) {
        match error {
            ConfigError::Several(errors) => self.0.extend(errors),
            one => self.0.push(one),
        }
    }

    /// What was understood; none where it was a mistake, which is taken down.
    pub fn take<T>(&mut self, result: Result<T, ConfigError>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    /// What was made beside the mistakes, if there are none.
    pub fn done<T>(mut self, made: T) -> Result<T, ConfigError> {
        match self.0.len() {
            0 => Ok(made),
            1 => Err(self.0.remove(0)),
            _ => Err(ConfigError::Several(self.0)),
        }
    }
}
