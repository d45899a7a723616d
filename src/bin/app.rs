//! Mounts the page, and says which of its parts are fetched later. Each name in `wasm_split` is a file.

#[cfg(target_arch = "wasm32")]
fn main() {
    streamproof::app::mount(page::PARTS);
}

#[cfg(target_arch = "wasm32")]
mod page {
    use streamproof::app::components::cards::Cards;
    use streamproof::app::components::charts::Charts;
    use streamproof::app::components::course::{Course, CourseProps};
    use streamproof::app::components::decide::{Decide, DecideProps};
    use streamproof::app::components::explain::{Explain, ExplainProps};
    use streamproof::app::components::lesson::{LessonPanel, LessonPanelProps};
    use streamproof::app::components::present::{Present, PresentProps};
    use streamproof::app::components::run_sheet::{RunSheet, RunSheetProps};
    use streamproof::app::components::seeds::Seeds;
    use streamproof::app::components::settings::{Settings, SettingsProps};
    use streamproof::app::components::spacetime::Spacetime;
    use streamproof::app::components::sql::{Sql, SqlProps};
    use streamproof::app::components::stage::OnStageProps;
    use streamproof::app::components::study::{Study, StudyProps};
    use streamproof::app::later::{Draw, Parts, draw};
    use wasm_split_helpers::{SplitLoaderError, wasm_split};

    pub const PARTS: Parts = Parts {
        lesson: || Box::pin(async { lesson().await.ok() }),
        settings: || Box::pin(async { settings().await.ok() }),
        charts: || Box::pin(async { charts().await.ok() }),
        explain: || Box::pin(async { explain().await.ok() }),
        decide: || Box::pin(async { decide().await.ok() }),
        study: || Box::pin(async { study().await.ok() }),
        course: || Box::pin(async { course().await.ok() }),
        sql: || Box::pin(async { sql().await.ok() }),
        present: || Box::pin(async { present().await.ok() }),
        run_sheet: || Box::pin(async { run_sheet().await.ok() }),
        spacetime: || Box::pin(async { spacetime().await.ok() }),
        seeds: || Box::pin(async { seeds().await.ok() }),
        cards: || Box::pin(async { cards().await.ok() }),
    };

    type Part<P> = Result<Draw<P>, SplitLoaderError>;

    #[wasm_split(lesson, fallible)]
    fn lesson() -> Part<LessonPanelProps> {
        Ok(draw::<LessonPanel>)
    }

    #[wasm_split(lesson, fallible)]
    fn study() -> Part<StudyProps> {
        Ok(draw::<Study>)
    }

    #[wasm_split(lesson, fallible)]
    fn course() -> Part<CourseProps> {
        Ok(draw::<Course>)
    }

    #[wasm_split(bench, fallible)]
    fn settings() -> Part<SettingsProps> {
        Ok(draw::<Settings>)
    }

    #[wasm_split(bench, fallible)]
    fn charts() -> Part<OnStageProps> {
        Ok(draw::<Charts>)
    }

    #[wasm_split(decide, fallible)]
    fn decide() -> Part<DecideProps> {
        Ok(draw::<Decide>)
    }

    #[wasm_split(bench, fallible)]
    fn explain() -> Part<ExplainProps> {
        Ok(draw::<Explain>)
    }

    #[wasm_split(present, fallible)]
    fn present() -> Part<PresentProps> {
        Ok(draw::<Present>)
    }

    #[wasm_split(paper, fallible)]
    fn run_sheet() -> Part<RunSheetProps> {
        Ok(draw::<RunSheet>)
    }

    #[wasm_split(sql, fallible)]
    fn sql() -> Part<SqlProps> {
        Ok(draw::<Sql>)
    }

    #[wasm_split(spacetime, fallible)]
    fn spacetime() -> Part<OnStageProps> {
        Ok(draw::<Spacetime>)
    }

    #[wasm_split(seeds, fallible)]
    fn seeds() -> Part<OnStageProps> {
        Ok(draw::<Seeds>)
    }

    #[wasm_split(bench, fallible)]
    fn cards() -> Part<OnStageProps> {
        Ok(draw::<Cards>)
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("the page runs in a browser; `./run` builds and serves it");
}
