import { BackendSrv, BackendSrvRequest, setBackendSrv } from '@grafana/runtime';
import { from } from 'rxjs';

type Responder = (request: BackendSrvRequest) => unknown;

/** Makes Grafana's backend respond with what the function returns, or fail with what it throws. Returns the requests. */
export function mockBackend(respond: Responder): BackendSrvRequest[] {
  const requests: BackendSrvRequest[] = [];
  const fetch = (request: BackendSrvRequest) => {
    requests.push(request);
    return from(Promise.resolve().then(() => ({ data: respond(request), status: 200, ok: true })));
  };
  setBackendSrv({ fetch } as unknown as BackendSrv);
  return requests;
}

/** The last part of a resource's address. */
export function resourceOf(request: BackendSrvRequest): string {
  return request.url.split('/resources/')[1] ?? request.url;
}
