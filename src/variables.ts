import { CustomVariableSupport, DataQueryRequest, DataQueryResponse, MetricFindValue } from '@grafana/data';
import { from, map, Observable, of } from 'rxjs';
import { EditorDataSource } from './components/query/props';
import { VariableQueryEditor } from './components/variables/VariableQueryEditor';
import { ModelServingOptions, ModelServingQuery, ModelServingVariableQuery } from './types';

/** Dashboard variables that take the values of one label, and may depend on one another through filters. */
export class LabelValueVariables extends CustomVariableSupport<
  EditorDataSource,
  ModelServingVariableQuery,
  ModelServingQuery,
  ModelServingOptions
> {
  editor = VariableQueryEditor;

  constructor(private readonly datasource: EditorDataSource) {
    super();
    // Grafana calls query without this.
    this.query = this.query.bind(this);
  }

  query(request: DataQueryRequest<ModelServingVariableQuery>): Observable<DataQueryResponse> {
    const [query] = request.targets;
    if (!query?.label) {
      return of({ data: [] });
    }
    const labelValues = this.datasource.values(
      query.label,
      query.filters ?? {},
      request.range,
      request.scopedVars ?? {}
    );
    return from(labelValues).pipe(
      map(({ values }) => ({ data: values.map((value): MetricFindValue => ({ text: value, value })) }))
    );
  }
}
