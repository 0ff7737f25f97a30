import { HeaderId, SipRequest } from '../sip/message/index.ts';
import { addCapabilities, promised, promiseOnly } from './capabilities.ts';
import type { BranchPlan } from './plan.ts';
import { dropToken } from './relayed-headers.ts';
import type { SessionKeeper } from './session-keeper.ts';

/** What the dialog adds to a draft. */
export interface InviteDialog {
  readonly callId: string;
  readonly localTag: string;
  readonly sequence: number;
  readonly maxForwards: number;
  /** What a media relay has made of the draft's body; default: the draft's. */
  readonly body?: string | undefined;
  /** The body is a description where the draft has none. */
  readonly isMadeUp?: boolean | undefined;
  /** Whether PRACKs for reliable provisional responses come from the caller (RFC 3262). */
  readonly relaysReliable: boolean;
  /** What the caller can do, as `methodsOf` reads it; undefined when it has not said. */
  readonly methods: number | undefined;
}

/** The INVITE of a branch as it leaves, but for Via, credentials and what an answer makes it repair. */
export function buildInvite(
  { draft, options }: Pick<BranchPlan, 'draft' | 'options'>,
  dialog: InviteDialog,
  session: SessionKeeper | undefined,
): SipRequest {
  // Its own seven, Via, and what may be added to a draft.
  const room = draft.headers.length + draft.routes.length + 10;
  const request = new SipRequest('INVITE', draft.requestUri, dialog.body ?? draft.body, room);
  const { headers } = request;
  headers.add(HeaderId.MaxForwards, String(dialog.maxForwards));
  for (const route of draft.routes) headers.add(HeaderId.Route, route);
  headers.add(HeaderId.Contact, draft.contact);
  headers.add(HeaderId.To, draft.to);
  headers.add(HeaderId.From, `${draft.from};tag=${dialog.localTag}`);
  headers.add(HeaderId.CallId, dialog.callId);
  headers.add(HeaderId.CSeq, `${dialog.sequence} INVITE`);
  for (const [name, value] of draft.headers) headers.addNamed(name, value);
  if (dialog.isMadeUp === true) headers.add(HeaderId.ContentType, 'application/sdp');
  promiseOnly(headers, promised(dialog.methods, options));
  addCapabilities(request, options);
  session?.ask(request);
  // RFC 3262 §5: a reliable response may hold the offer when the INVITE has none; only a caller that sends PRACK can answer it.
  if (request.body === '' && !dialog.relaysReliable) dropToken(headers, HeaderId.Supported, '100rel');
  return request;
}
