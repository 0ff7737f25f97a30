import { createResponse, HeaderId, type SipRequest, type SipResponse } from '../../../src/sip/message/index.ts';
import { makeRequest, type RequestFacts } from '../transaction/fixture.ts';

export interface DialogFacts extends RequestFacts {
  contact?: string;
  recordRoutes?: string[];
  headers?: readonly (readonly [HeaderId, string])[];
  body?: string;
}

export function requestWith(method: string, facts: DialogFacts = {}): SipRequest {
  const request = makeRequest(method, facts);
  for (const route of facts.recordRoutes ?? []) request.headers.add(HeaderId.RecordRoute, route);
  if (facts.contact !== '') request.headers.add(HeaderId.Contact, facts.contact ?? '<sip:alice@192.0.2.4:5060>');
  for (const [id, value] of facts.headers ?? []) request.headers.add(id, value);
  request.body = facts.body ?? '';
  return request;
}

export interface ResponseFacts {
  toTag?: string;
  contact?: string;
  recordRoutes?: string[];
  headers?: readonly (readonly [HeaderId, string])[];
  body?: string;
}

export function responseTo(request: SipRequest, status: number, facts: ResponseFacts = {}): SipResponse {
  const response = createResponse(request, status, undefined, {
    toTag: facts.toTag ?? 'callee',
    body: facts.body ?? '',
  });
  for (const route of facts.recordRoutes ?? []) response.headers.add(HeaderId.RecordRoute, route);
  if (facts.contact !== '') response.headers.add(HeaderId.Contact, facts.contact ?? '<sip:bob@192.0.2.8:5060>');
  for (const [id, value] of facts.headers ?? []) response.headers.add(id, value);
  return response;
}
