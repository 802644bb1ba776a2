"""From pages, executed notebooks and catalogues to the site: `python tools/website`."""
