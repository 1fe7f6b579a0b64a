//! Lines of figures, each with the limit beside it, the goal and whether it is reached.

/// One figure as it is printed.
pub struct Line<'a> {
    pub what: &'a str,
    pub figure: String,
    /// The bare limit of the same run; empty where there is none.
    pub limit: String,
    /// Figure by limit.
    pub ratio: Option<f64>,
    /// In words, and whether it is reached.
    pub goal: Option<(&'static str, bool)>,
}

/// Begins a table.
pub fn head(title: &str) {
    println!("\n{title}");
    println!("{:<40} {:>26} {:>26} {:>7}  goal", "", "figure", "bare limit", "ratio");
}

/// Prints a line of it.
pub fn line(line: Line<'_>) {
    let ratio = line.ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
    let goal = match line.goal {
        Some((goal, true)) => format!("{goal}: reached"),
        Some((goal, false)) => format!("{goal}: MISSED"),
        None => String::new(),
    };
    println!("{:<40} {:>26} {:>26} {ratio:>7}  {goal}", line.what, line.figure, line.limit);
}

/// A figure that has neither limit nor goal.
pub fn plain(what: &str, figure: String) {
    line(Line { what, figure, limit: String::new(), ratio: None, goal: None });
}

/// Thousands a second.
pub fn rate(per_second: f64) -> String {
    format!("{:.1} k/s", per_second / 1e3)
}
