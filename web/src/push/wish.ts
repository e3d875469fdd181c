/** Where this device keeps that it wants to be told of what comes while no page is open. */
export const WISH = 'folkmoot.push';
