/** The words for what can go wrong, by XMPP condition. */
import { LinkLost, StanzaError, TimedOut } from '../xmpp/errors';
import type { LinkFailure } from '../xmpp/link';
import { t } from './index';

/** Any failed request. */
export function errorText(error: unknown): string {
  if (error instanceof LinkLost) return t('error.offline');
  if (error instanceof TimedOut) return t('error.timeout');
  return conditionText(error instanceof StanzaError ? error.condition : '');
}

export function conditionText(condition: string): string {
  switch (condition) {
    case 'forbidden':
    case 'not-authorized':
    case 'not-allowed':
    case 'registration-required':
    case 'subscription-required':
      return t('error.forbidden');
    case 'item-not-found':
    case 'gone':
    case 'recipient-unavailable':
      return t('error.notFound');
    case 'resource-constraint':
    case 'policy-violation':
      return t('error.tooMuch');
    case 'not-acceptable':
      return t('error.tooLarge');
    case 'remote-server-not-found':
    case 'remote-server-timeout':
      return t('error.remote');
    case 'feature-not-implemented':
    case 'service-unavailable':
      return t('error.unsupported');
    default:
      return t('error.generic');
  }
}

/** Why a like or a boost did not work. */
export function reactionErrorText(error: unknown): string {
  const isClosed = error instanceof StanzaError && error.condition === 'not-acceptable';
  return isClosed ? t('react.closed') : errorText(error);
}

/** Why signing in did not work; `hadToken` where an earlier sign-in was to be resumed. */
export function signInErrorText(failure: LinkFailure, domain: string): string {
  if (failure.kind === 'lost') return t('error.signIn.lost', { domain });
  if (failure.kind === 'unusable') {
    return failure.condition === 'insecure'
      ? t('error.signIn.insecure')
      : t('error.signIn.noMechanism', { domain });
  }
  if (failure.condition === 'account-disabled') {
    return failure.text === undefined
      ? t('error.signIn.disabled')
      : t('error.signIn.because', { reason: failure.text });
  }
  if (failure.condition === 'credentials-expired') return t('error.signIn.expired');
  return t('error.signIn.refused');
}

/** Why an account could not be made. */
export function signUpErrorText(error: unknown): string {
  if (!(error instanceof StanzaError)) return errorText(error);
  switch (error.condition) {
    case 'conflict':
      return t('error.signUp.taken');
    case 'not-acceptable':
    case 'bad-request':
    case 'jid-malformed':
      return error.serverText === undefined
        ? t('error.signUp.invalid')
        : t('error.signUp.because', { reason: error.serverText });
    case 'not-allowed':
    case 'forbidden':
    case 'registration-required':
      return t('error.signUp.notAllowed');
    case 'item-not-found':
    case 'gone':
      return t('error.signUp.badToken');
    default:
      return conditionText(error.condition);
  }
}
