import { addDraftFields, type DraftedDialog, HeaderId, SipRequest } from '../sip/message/index.ts';
import type { BranchMedia } from './branch-media.ts';
import { addCapabilities, promised, promiseOnly } from './capabilities.ts';
import type { BranchPlan } from './plan.ts';
import { dropToken } from './relayed-headers.ts';
import type { SessionKeeper } from './session-keeper.ts';

/** For whom it is; `Inviter` is it. */
interface InviteUser {
  readonly maxForwards: number;
  readonly user: {
    /** Whether PRACKs for reliable provisional responses come from the caller (RFC 3262). */
    readonly relaysReliable: boolean;
    /** What the caller can do, as `methodsOf` reads it; undefined when it has not said. */
    readonly methods: number | undefined;
  };
}

/**
 * The INVITE of a branch as it leaves, but for Via, credentials and what an answer makes it repair.
 * @param media what a media relay has made of the draft's body, which may be a description where the draft has none
 */
export function buildInvite(
  { draft, options }: Pick<BranchPlan, 'draft' | 'options'>,
  dialog: DraftedDialog,
  { maxForwards, user }: InviteUser,
  session?: SessionKeeper,
  media?: Pick<BranchMedia, 'body' | 'isMadeUp'>,
): SipRequest {
  // Its own six, Via, and one that may be added to a draft.
  const room = draft.headers.length + draft.routes.length + 8;
  const request = new SipRequest('INVITE', draft.requestUri, media?.body ?? draft.body, room);
  const { headers } = request;
  addDraftFields(headers, draft, dialog, maxForwards);
  if (media?.isMadeUp === true) headers.add(HeaderId.ContentType, 'application/sdp');
  promiseOnly(headers, promised(user.methods, options));
  addCapabilities(request, options);
  session?.ask(request);
  // RFC 3262 §5: a reliable response may hold the offer when the INVITE has none; only a caller that sends PRACK can answer it.
  if (request.body === '' && !user.relaysReliable) dropToken(headers, HeaderId.Supported, '100rel');
  return request;
}
