const path = require('path');

const installed = path.sep + 'node_modules' + path.sep;
const isPackage = (request) => !request.startsWith('.') && !path.isAbsolute(request);

/** Resolves what the project's own files import as if they lay in this folder, so that its packages come first. */
module.exports = (request, options) => {
  const ours = !(options.basedir + path.sep).includes(installed);
  const basedir = ours && isPackage(request) ? __dirname : options.basedir;
  return options.defaultResolver(request, { ...options, basedir });
};
