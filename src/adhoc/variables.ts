import { DataSourceInstanceSettings, ScopedVars } from '@grafana/data';
import { TemplateSrv } from '@grafana/runtime';
import { AdHocFilter } from '../types';

type Identity = Pick<DataSourceInstanceSettings, 'uid' | 'name' | 'isDefault'>;

/**
 * The filters of the dashboard's ad-hoc variables on a data source, for Grafana versions and requests that do not pass
 * them.
 */
export function adHocFiltersOf(templateSrv: TemplateSrv, datasource: Identity, scopedVars: ScopedVars): AdHocFilter[] {
  return templateSrv.getVariables().flatMap((variable) => {
    if (variable.type !== 'adhoc' || !variable.datasource?.uid) {
      return [];
    }
    // Depending on the version, the value of a data source variable is the name, the uid or the word default.
    const named = templateSrv.replace(variable.datasource.uid, scopedVars);
    const same = named === datasource.uid || named === datasource.name;
    return same || (named === 'default' && datasource.isDefault) ? variable.filters : [];
  });
}
