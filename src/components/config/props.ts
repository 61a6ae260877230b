import { PrometheusProblems } from '../../settings/prometheusProblems';
import { ModelServingSettings } from '../../settings/secrets';

/** Props of every part of the config editor: the settings, and how to change them. */
export interface SectionProps {
  settings: ModelServingSettings;
  onChange: (settings: ModelServingSettings) => void;
}

/** Props of the parts for a Prometheus-compatible server. */
export interface PrometheusSectionProps extends SectionProps {
  problems: PrometheusProblems;
}
