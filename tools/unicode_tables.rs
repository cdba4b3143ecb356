//! Prints the two tables of src/vecferry/model/unicode.cpp as this compiler's `char` has them:
//! `rustc -O tools/unicode_tables.rs -o /tmp/unicode_tables && /tmp/unicode_tables`.

fn print_rows(rows: &[String], per_line: usize) {
    for line in rows.chunks(per_line) {
        println!("{}", line.join(" "));
    }
}

fn alphanumeric_ranges() -> Vec<String> {
    let mut rows = Vec::new();
    let mut first = None;
    for code in 0..=0x0011_0000 {
        let inside = char::from_u32(code).is_some_and(char::is_alphanumeric);
        match (first, inside) {
            (None, true) => first = Some(code),
            (Some(begin), false) => {
                rows.push(format!("{{0x{begin:X}, 0x{:X}}},", code - 1));
                first = None;
            }
            _ => {}
        }
    }
    rows
}

struct Run {
    first: u32,
    last: u32,
    stride: u32,
    delta: i64,
}

fn lower_runs() -> Vec<String> {
    let mut runs: Vec<Run> = Vec::new();
    for code in 0..0x0011_0000 {
        let Some(upper) = char::from_u32(code) else { continue };
        let mut lower = upper.to_lowercase();
        let (Some(first), None) = (lower.next(), lower.next()) else { continue };
        if first == upper {
            continue;
        }
        let delta = i64::from(u32::from(first)) - i64::from(code);
        if let Some(run) = runs.last_mut().filter(|run| run.delta == delta) {
            let gap = code - run.last;
            if gap == run.stride || (run.first == run.last && gap <= 2) {
                run.stride = gap;
                run.last = code;
                continue;
            }
        }
        runs.push(Run { first: code, last: code, stride: 1, delta });
    }
    let print = |run: &Run| format!("{{0x{:X}, 0x{:X}, {}, {}}},", run.first, run.last, run.stride, run.delta);
    runs.iter().map(print).collect()
}

fn main() {
    print_rows(&alphanumeric_ranges(), 6);
    println!();
    print_rows(&lower_runs(), 4);
}
