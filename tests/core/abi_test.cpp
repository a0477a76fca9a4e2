#include "tarta.h"

#include <doctest/doctest.h>
