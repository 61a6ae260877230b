import { BackendSrv, BackendSrvRequest, setBackendSrv } from '@grafana/runtime';
import { from } from 'rxjs';

type Answerer = (request: BackendSrvRequest) => unknown;

/** Has Grafana's backend answer with what the function returns, or fail with what it throws. Returns what was asked. */
export function mockBackend(answer: Answerer): BackendSrvRequest[] {
  const requests: BackendSrvRequest[] = [];
  const fetch = (request: BackendSrvRequest) => {
    requests.push(request);
    return from(Promise.resolve().then(() => ({ data: answer(request), status: 200, ok: true })));
  };
  setBackendSrv({ fetch } as unknown as BackendSrv);
  return requests;
}

/** The last part of a resource's address. */
export function resourceOf(request: BackendSrvRequest): string {
  return request.url.split('/resources/')[1] ?? request.url;
}
