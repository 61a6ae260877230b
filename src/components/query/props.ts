import { DataSourceApi, QueryEditorProps, ScopedVars, TimeRange } from '@grafana/data';
import { Filters, LabelValues, ModelServingOptions, ModelServingQuery, SignalInfo } from '../../types';

/** What editors need of the data source. They do not import its class, which imports them. */
export interface EditorDataSource extends DataSourceApi<ModelServingQuery, ModelServingOptions> {
  signals(): Promise<SignalInfo[]>;
  values(label: string, filters: Filters, range: TimeRange | undefined, scopedVars: ScopedVars): Promise<LabelValues>;
  variableReferences(): string[];
}

export type EditorProps = QueryEditorProps<EditorDataSource, ModelServingQuery, ModelServingOptions>;
