use firebrick_sdk::prelude::*;

arguments! {
    /// Walks the points of a finite space in order.
    pub struct Settings {}
}

struct Sweep(Space);

impl Strategy for Sweep {
    fn ask(&mut self, numbers: &[u64]) -> Result<Vec<Params>, StrategyError> {
        let point = |number: &u64| self.0.point(u128::from(*number));
        Ok(numbers.iter().map_while(point).collect())
    }

    fn tell(&mut self, _trials: &[Trial]) -> Result<(), StrategyError> {
        Ok(())
    }
}

fn sweep(study: &Study, _settings: Settings) -> Result<Sweep, StrategyError> {
    study.n_points()?;
    Ok(Sweep(study.space.clone()))
}

register_strategy!("sweep"; Settings => sweep);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_contract() {
        firebrick_sdk::testing::check_strategy(|study| Ok(Box::new(sweep(study, Settings {})?)));
    }
}
