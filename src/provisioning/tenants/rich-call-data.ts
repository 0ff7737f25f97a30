/** How a caller wants to be shown to those whom it calls outside (rich call data, RFC 9795), as written and stored. */

import { z } from 'zod';
import { optional } from '../../base/schema.ts';
import { headerText } from './fields.ts';

/** What verifiers fetch without asking: https on its ports, nothing in it but host and path, and nothing that parts a header field. */
const ICON_URL =
  /^https:\/\/[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::(?:443|8443))?\/[A-Za-z0-9._~!$&'()*+=:@%/-]*$/;
/** A hash and base64 of as many octets as it has. */
const DIGEST = /^(?:sha256-[A-Za-z0-9+/]{43}=?|sha384-[A-Za-z0-9+/]{64}|sha512-[A-Za-z0-9+/]{86}(?:==)?)$/;

export const richCallDataSchema = z
  .strictObject({
    name: optional(headerText(128).min(1), 'The name that is signed; default: the display name that the INVITE shows.'),
    icon: optional(
      z
        .string()
        .max(1024)
        .regex(ICON_URL, { error: 'must be an https URL on port 443 or 8443 without userinfo, query or fragment' }),
      'https URL of an image; who is called sees it where its provider shows such.',
    ),
    iconDigest: optional(
      z
        .string()
        .regex(DIGEST, { error: 'must be sha256-, sha384- or sha512- and the base64 of that hash of the image' }),
      'Hash of the image, `sha256-` and base64: what is signed is this picture and no other.',
    ),
  })
  .refine(({ name, icon }) => name !== undefined || icon !== undefined, {
    error: 'must have a name or an icon: without either there is nothing to sign',
  })
  .refine(({ icon, iconDigest }) => (icon === undefined) === (iconDigest === undefined), {
    error: 'must have icon and iconDigest, or neither: a picture is signed by its hash',
  });
