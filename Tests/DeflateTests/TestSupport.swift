import TestSupport

typealias SeededGenerator = TestSupport.SeededGenerator
typealias Gunzipped = TestSupport.Gunzipped
