import { DataFrame, DataQueryResponse, QueryResultMetaNotice } from '@grafana/data';

const NOT_FILTERED: QueryResultMetaNotice = {
  severity: 'info',
  text: "The dashboard's ad-hoc filters do not apply to PromQL queries: write what they are to keep into the expression.",
};

/** The response with a notice on all that answers one of the queries, which ad-hoc filters would have been for. */
export function noticeUnfiltered(response: DataQueryResponse, refIds: Set<string>): DataQueryResponse {
  const noticed = (frame: DataFrame): DataFrame => ({
    ...frame,
    meta: { ...frame.meta, notices: [...(frame.meta?.notices ?? []), NOT_FILTERED] },
  });
  return {
    ...response,
    data: response.data.map((frame: DataFrame) => (refIds.has(frame.refId ?? '') ? noticed(frame) : frame)),
  };
}
