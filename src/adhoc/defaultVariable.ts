import { DataSourceInstanceSettings } from '@grafana/data';

/** Grafana's own type, AdhocVariableKind, is missing before Grafana 12. */
export interface AdHocVariable {
  kind: 'AdhocVariable';
  group: string;
  datasource: { name: string };
  spec: {
    name: string;
    label: string;
    description: string;
    hide: 'inControlsMenu';
    skipUrlSync: boolean;
    allowCustomValue: boolean;
    baseFilters: [];
    filters: [];
    defaultKeys: [];
  };
}

/**
 * Ad-hoc filters for every dashboard that uses the data source. Grafana 13 puts them into the dashboard's controls menu.
 * Variables of other types could be shown, but queries could not refer to them: Grafana prefixes their names with the
 * plugin's id, whose hyphens a reference cannot have.
 */
export function defaultAdHocVariable({ uid, type }: Pick<DataSourceInstanceSettings, 'uid' | 'type'>): AdHocVariable {
  return {
    kind: 'AdhocVariable',
    group: type,
    datasource: { name: uid },
    spec: {
      name: 'filters',
      label: 'Filters',
      description: 'Applies to all panels, tables and events of this data source, but not to PromQL queries.',
      hide: 'inControlsMenu',
      skipUrlSync: false,
      allowCustomValue: true,
      baseFilters: [],
      filters: [],
      defaultKeys: [],
    },
  };
}
