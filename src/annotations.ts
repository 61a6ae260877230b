import { AnnotationSupport } from '@grafana/data';
import { EventsQueryEditor } from './components/query/EventsQueryEditor';
import { ModelServingQuery } from './types';

/** Loads, evictions, scaling and restarts drawn over panels. An annotation always queries events, whatever was stored. */
export const eventAnnotations: AnnotationSupport<ModelServingQuery> = {
  QueryEditor: EventsQueryEditor,
  getDefaultQuery: () => ({ queryType: 'events', filters: {} }),
  prepareQuery: ({ target }) => ({ refId: 'Anno', ...target, queryType: 'events' }),
};
