import { DataSourcePlugin } from '@grafana/data';
import { ConfigEditor } from './components/config/ConfigEditor';
import { QueryEditor } from './components/query/QueryEditor';
import { ModelServingDataSource } from './datasource';
import { ModelServingOptions, ModelServingQuery, ModelServingSecrets } from './types';

export const plugin = new DataSourcePlugin<
  ModelServingDataSource,
  ModelServingQuery,
  ModelServingOptions,
  ModelServingSecrets
>(ModelServingDataSource)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor);
