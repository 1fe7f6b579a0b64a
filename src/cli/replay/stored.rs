//! `factfold replay --diff`: what this release makes of the log, beside the figures that the last one stored.

use super::super::serve::runtime;
use super::super::{Failure, Settings, output};
use crate::engine::stored_figures;

/// Prints what differs. Nothing is changed: the directory may be one that a server of another release serves.
pub fn differences(settings: &Settings, models: &[String]) -> Result<(), Failure> {
    if !models.is_empty() {
        let words = "figures rest on several models: --diff without --server compares all of them";
        return Err(Failure::Usage(words.to_owned()));
    }
    let (config, offline) = settings.reading()?;
    let Some(table) = stored_figures(&config.data_dir)? else {
        return Err(Failure::Failed(
            "no figures are stored yet: a server stores them when it stops, and every ten minutes".to_owned(),
        ));
    };
    let views = offline.views()?;
    let compared = runtime()?.block_on(table.differences(&views, &offline.secret));
    views.close();
    let differences = compared.map_err(crate::engine::EngineError::from)?;
    if settings.json {
        return differences.iter().try_for_each(output::json_line);
    }
    let changed: Vec<String> =
        table.changed_models().into_iter().map(|(name, version)| format!("{name} (was {version})")).collect();
    let changed =
        if changed.is_empty() { "no model has another version".to_owned() } else { changed.join(", ") };
    output::note(&format!(
        "{} figures differ from those that release {} stored; {changed}",
        differences.len(),
        table.release
    ));
    let rows = differences.iter().map(|difference| {
        vec![
            difference.tenant.clone(),
            difference.model.clone(),
            difference.path.clone(),
            difference.old.to_string(),
            difference.new.to_string(),
        ]
    });
    output::table(&["tenant", "model", "figure", "old", "new"], rows)
}
