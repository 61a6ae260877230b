import { DataFrame, DataQueryResponse, QueryResultMetaNotice } from '@grafana/data';

const NOT_FILTERED: QueryResultMetaNotice = {
  severity: 'info',
  text: 'Ad-hoc filters do not apply to PromQL queries. Add the conditions to the expression.',
};

/** The response with a notice on the frames of the queries, to which ad-hoc filters do not apply. */
export function addUnfilteredNotice(response: DataQueryResponse, refIds: Set<string>): DataQueryResponse {
  const noticed = (frame: DataFrame): DataFrame => ({
    ...frame,
    meta: { ...frame.meta, notices: [...(frame.meta?.notices ?? []), NOT_FILTERED] },
  });
  return {
    ...response,
    data: response.data.map((frame: DataFrame) => (refIds.has(frame.refId ?? '') ? noticed(frame) : frame)),
  };
}
