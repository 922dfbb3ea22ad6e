// What the programs say they are. A function, so that a new version recompiles one file.
#pragma once

namespace base {

const char* version();

}  // namespace base
